#!/bin/sh
# Holds the kernels and the models to their references on this machine's NVIDIA GPU, times them, and writes report.txt
# beside this script.
#   run.sh [--tests-only | --benchmark-only] [NAME...]
# NAMEs limit the tests to these classes, or the benchmark to kernels and parts of the pipeline that begin so. It needs
#   - NVIDIA's driver;
#   - a Java runtime, 21 or later: the one in the folder "java" here, the one of JAVA_HOME, or the one on the path;
#   - for all but the kernels CUDA 13's libraries: in the folder KIT_LIBRARIES, in a toolkit, where the system finds them,
#     or in the wheels of a python3 on the path.
# KIT_ORDINAL chooses among several GPUs; KIT_REPORT names another report; KIT_GPU=stand-in rehearses the tests without a
# GPU, where there is a C compiler.
here=$(cd "$(dirname "$0")" && pwd)
# The tests run from another folder.
absolute() {
    case "$1" in
        '' | /*) printf '%s' "$1" ;;
        *) printf '%s' "$PWD/$1" ;;
    esac
}
report=$(absolute "${KIT_REPORT:-$here/report.txt}")
failed="$report.failed"
rm -f "$failed"
what=all
case "$1" in
    --tests-only) what=tests; shift ;;
    --benchmark-only) what=benchmark; shift ;;
esac

java=
for candidate in "$here/java/bin/java" "$(absolute "${JAVA_HOME:+$JAVA_HOME/bin/java}")" "$(command -v java)"; do
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

libraries=$(absolute "$KIT_LIBRARIES")
if [ -z "$libraries" ] && command -v python3 > /dev/null; then
    libraries=$(python3 -c 'import glob, sys
for place in sys.path:
    for name in glob.glob(place + "/nvidia/*/lib/libcublasLt.so.13"):
        print(name.rsplit("/", 1)[0]); sys.exit()' 2> /dev/null)
fi

run() {
    code=0
    "$java" -XX:+UseG1GC -Xss4m --enable-native-access=ALL-UNNAMED -Dqwenimage.gpu="${KIT_GPU:-real}" \
        -Dqwenimage.gpu.ordinal="${KIT_ORDINAL:-0}" ${libraries:+"-Dqwenimage.cuda.libraries=$libraries"} \
        -cp "$here/lib/*" "$@" 2>&1 || code=$?
}

# Fails the run, unless no test of this part has one of the names.
judge() {
    if [ $code = 0 ]; then
        some=yes
    elif [ $code != 3 ] || [ $# = 0 ]; then
        echo 1 > "$failed"
    fi
}

status=0
some=
{
    date -u '+%Y-%m-%d %H:%M UTC'
    uname -srm
    "$java" -version 2>&1 | head -1
    command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv
    if [ -n "$libraries" ]; then
        echo "CUDA's libraries: $libraries"
    fi
    # The tests find their goldens from here.
    cd "$here/cases"
    if [ $what != benchmark ]; then
        for part in --kernels --models; do
            run io.qwenimage.kernels.kit.DeviceTests $part "$@"
            judge "$@"
        done
        if [ $# = 0 ]; then
            # In a process of their own, in case the driver does not recover from what they do.
            run io.qwenimage.kernels.kit.DeviceTests --loss
            judge
        elif [ -z "$some" ] && [ ! -e "$failed" ]; then
            echo "No test that ran has one of these names: $*"
            echo 1 > "$failed"
        fi
    fi
    if [ $what != tests ]; then
        run io.qwenimage.kernels.benchmark.KernelBenchmark "$@"
        judge
        run io.qwenimage.pipeline.EndToEndBenchmark "$@"
        judge
    fi
} | tee "$report"
if [ -e "$failed" ]; then
    rm "$failed"
    status=1
fi
echo "written to $report"
exit $status
