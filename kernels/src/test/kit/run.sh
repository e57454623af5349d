#!/bin/sh
# Runs the kernels' tests and the benchmark on this machine's NVIDIA GPU and writes report.txt beside this script.
#   run.sh [--tests-only | --benchmark-only] [NAME...]
# NAMEs limit the tests to these classes, or the benchmark to kernels that begin so. It needs an NVIDIA driver and a Java
# runtime, 21 or later: the one in the folder "java" here, the one of JAVA_HOME, or the one on the path.
here=$(cd "$(dirname "$0")" && pwd)
report="${KIT_REPORT:-$here/report.txt}"
what=all
case "$1" in
    --tests-only) what=tests; shift ;;
    --benchmark-only) what=benchmark; shift ;;
esac

java=
for candidate in "$here/java/bin/java" "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
        version=$("$candidate" -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p')
        if [ "${version:-0}" -ge 21 ]; then
            java=$candidate
            break
        fi
    fi
done
if [ -z "$java" ]; then
    echo "No Java runtime of version 21 or later was found: set JAVA_HOME, or use the kit that brings its own" >&2
    exit 2
fi

run() {
    "$java" -XX:+UseParallelGC -Xss4m --enable-native-access=ALL-UNNAMED -Dqwenimage.gpu="${KIT_GPU:-real}" \
        -Dqwenimage.gpu.ordinal="${KIT_ORDINAL:-0}" -cp "$here/lib/*" "$@"
}

status=0
{
    date -u '+%Y-%m-%d %H:%M UTC'
    uname -srm
    "$java" -version 2>&1 | head -1
    command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv
    if [ $what != benchmark ]; then
        run io.qwenimage.kernels.kit.DeviceTests "$@" 2>&1 || echo 1 > "$report.failed"
        # In a process of their own, in case the driver does not recover from what they do.
        [ $# -gt 0 ] || run io.qwenimage.kernels.kit.DeviceTests --loss 2>&1 || echo 1 > "$report.failed"
    fi
    if [ $what != tests ]; then
        run io.qwenimage.kernels.benchmark.KernelBenchmark "$@" 2>&1 || echo 1 > "$report.failed"
    fi
} | tee "$report"
if [ -e "$report.failed" ]; then
    rm "$report.failed"
    status=1
fi
echo "written to $report"
exit $status
