#!/usr/bin/env python3
"""Checks and times attention_hopper.cu on a Hopper GPU, beside PyTorch's attention in the same run.

    python3 bench_attention_hopper.py [--cubins DIR] [--source FILE] [--variants NAME,...] [--out DIR] [--quick]
    python3 bench_attention_hopper.py --build DIR      # makes the cubins, with nvcc, without a GPU

Each variant of the kernel (tile, stages, overlap; the macros of attention_hopper_tile.cuh) is a cubin NAME.cubin in
--cubins, or is compiled from --source with nvcc where there is none. Every variant runs in a process of its own under a time limit,
so that a kernel that hangs or faults costs only its own line. The last lines are a table of all variants.
--quick takes a quarter of a minute: one process times all variants first, then checks each on a few shapes, and goes
on without a variant that hangs or faults.

Checked: against float64 over ragged, causal, grouped and variable-length shapes, both types, slices of a fused
buffer, rows beyond the end untouched, the same bits from every run. An error may be at most twice that of PyTorch's
attention on the same inputs, plus a quarter of a unit in the last place.
Timed: 4096 + 200 tokens, 24 heads of 128, inputs rotated so that L2 is cold; 4 Lq Lk 128 H operations over the
median of CUDA events.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from hopper_driver import HEAD, VARIANTS, Driver, Kernel, defines

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- checks --------------------------------------------------------------------------------------------------------


def offsets(*lengths):
    result = [0]
    for length in lengths:
        result.append(result[-1] + length)
    return result


# name: dict of what differs from one sequence, as many keys as queries, 3 heads, bf16
CHECKS = {
    "one tile": dict(q=128),
    "one row": dict(q=1),
    "ragged 37": dict(q=37),
    "ragged 129": dict(q=129, heads=5),
    "ragged 1000, keys 77": dict(q=1000, k=77),
    "one key": dict(q=200, k=1),
    "keys 4097": dict(q=70, k=4097, heads=2),
    "f16 ragged 515": dict(q=515, dtype="float16"),
    "large magnitudes": dict(q=700, amplitude=30.0),
    "causal 1000, 28 heads on 4": dict(q=1000, heads=28, key_heads=4, causal=True),
    "causal 5 of 1000": dict(q=5, k=1000, heads=4, key_heads=2, causal=True),
    "causal, more queries than keys": dict(q=300, k=130, causal=True),
    "causal f16 777": dict(q=777, causal=True, dtype="float16"),
    "sequences": dict(lengths=(64, 1, 200, 0, 333, 128), heads=4),
    "sequences causal": dict(lengths=(17, 300, 128, 1, 45), heads=4, key_heads=2, causal=True),
    "sequences, other keys": dict(lengths=(40, 129, 7), key_lengths=(300, 5, 128)),
    "fused rows": dict(q=530, heads=6, fused=True),
    "whole tiles only": dict(q=1500, heads=12, policy="whole"),
    "streamed": dict(q=1500, heads=12, policy="stream"),
    "streamed two waves": dict(q=4296, heads=8, policy="stream2"),
    "joint 4296 x 24": dict(q=4296, heads=24),
}
QUICK = ("ragged 129", "causal 1000, 28 heads on 4", "sequences", "joint 4296 x 24")


def reference(q, k, v, sequences, causal, scale, torch, attention):
    """[Lq, H, 128] by a function of (q, k, v, mask) on one sequence with all heads first."""
    out = torch.zeros_like(q)
    groups = q.shape[1] // k.shape[1]
    for query_row, queries, key_row, keys in sequences:
        if queries == 0 or keys == 0:
            continue
        qs = q[query_row:query_row + queries].transpose(0, 1)
        ks = k[key_row:key_row + keys].transpose(0, 1).repeat_interleave(groups, 0)
        vs = v[key_row:key_row + keys].transpose(0, 1).repeat_interleave(groups, 0)
        mask = None
        if causal:
            mask = torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
        for h in range(0, qs.shape[0], 4):
            out[query_row:query_row + queries, h:h + 4] = attention(qs[h:h + 4], ks[h:h + 4], vs[h:h + 4], mask,
                                                                    scale).transpose(0, 1)
    return out


def check(kernel, name, torch):
    case = CHECKS[name]
    dtype = getattr(torch, case.get("dtype", "bfloat16"))
    heads = case.get("heads", 3)
    key_heads = case.get("key_heads", heads)
    causal = case.get("causal", False)
    if "lengths" in case:
        qo, ko = offsets(*case["lengths"]), offsets(*case.get("key_lengths", case["lengths"]))
    else:
        qo, ko = [0, case["q"]], [0, case.get("k", case["q"])]
    sequences = [(qo[i], qo[i + 1] - qo[i], ko[i], ko[i + 1] - ko[i]) for i in range(len(qo) - 1)]
    generator = torch.Generator("cuda").manual_seed(len(name) * 1000 + len(sequences))

    def random(*shape):
        return (torch.randn(*shape, device="cuda", generator=generator) * case.get("amplitude", 1.0)).to(dtype)

    if case.get("fused"):
        fused = random(qo[-1], 3 * heads * HEAD)
        q, k, v = (x.unflatten(1, (heads, HEAD)) for x in fused.chunk(3, dim=1))
    else:
        q, k, v = random(qo[-1], heads, HEAD), random(ko[-1], key_heads, HEAD), random(ko[-1], key_heads, HEAD)
    guard = 2
    storage = torch.full((qo[-1] + guard, heads * HEAD + 8), float("nan"), device="cuda", dtype=dtype)
    out = storage[:qo[-1], :heads * HEAD]
    scale = HEAD ** -0.5
    plan = kernel.plan(q, k, sequences, causal, case.get("policy", "best"))
    launch = kernel.launcher(plan, q, k, v, out, scale)
    launch()
    torch.cuda.synchronize()
    first = out.clone()
    for _ in range(3):
        out.fill_(float("nan"))
        launch()
    torch.cuda.synchronize()
    problems = []
    if not torch.equal(first, out):
        problems.append("runs differ")
    if not torch.isnan(storage[qo[-1]:]).all() or not torch.isnan(storage[:, heads * HEAD:]).all():
        problems.append("wrote beyond the output")
    if int(plan["counters"].abs().sum()):
        problems.append("counters left over")

    def exact(q, k, v, mask, scale):
        scores = q.double() @ k.double().transpose(1, 2) * scale
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return torch.nan_to_num(torch.softmax(scores, -1), nan=0.0) @ v.double()

    def plain(q, k, v, mask, scale):
        scores = (q @ k.transpose(1, 2)).float() * scale
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return (torch.nan_to_num(torch.softmax(scores, -1), nan=0.0).to(q.dtype) @ v)

    want = reference(q.double(), k, v, sequences, causal, scale, torch, exact)
    composition = reference(q, k, v, sequences, causal, scale, torch, plain).double()
    got = first.unflatten(1, (heads, HEAD)).double()
    error = float((got - want).abs().max())
    allowed = 2 * float((composition - want).abs().max()) + float(want.abs().max()) * 2 ** -10
    relative = float((got - want).norm() / want.norm().clamp_min(1e-30))
    if not error <= allowed or not relative < 1e-2:
        bad = ((got - want).abs() > allowed) | got.isnan()
        where = bad.nonzero()
        problems.append("%d of %d wrong, first at %s: %s for %s" % (
            len(where), bad.numel(), where[0].tolist() if len(where) else "-",
            float(got[tuple(where[0])]) if len(where) else "-", float(want[tuple(where[0])]) if len(where) else "-"))
    return dict(check=name, policy=plan["chosen"], error=error, allowed=allowed, relative=relative,
                problems=problems)


# ---- timing --------------------------------------------------------------------------------------------------------

TIMED = {
    "joint 4296x24": dict(q=4296, heads=24, key_heads=24, causal=False),
    "joint 4096x24": dict(q=4096, heads=24, key_heads=24, causal=False),
    "16384x24": dict(q=16384, heads=24, key_heads=24, causal=False),
    "causal 4096 28/4": dict(q=4096, heads=28, key_heads=4, causal=True),
    "512x24": dict(q=512, heads=24, key_heads=24, causal=False),
}


def median_ms(launches, torch, rounds):
    for launch in launches[:3]:
        launch()
    torch.cuda.synchronize()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(rounds + 1)]
    events[0].record()
    for i in range(rounds):
        launches[i % len(launches)]()
        events[i + 1].record()
    torch.cuda.synchronize()
    times = [events[i].elapsed_time(events[i + 1]) for i in range(rounds)]
    return statistics.median(times), min(times)


def inputs(case, torch):
    """As many sets as L2 cannot hold at once."""
    heads, key_heads, length = case["heads"], case["key_heads"], case["q"]
    size = length * (heads + 2 * key_heads) * HEAD * 2
    sets = min(16, 2 + 200_000_000 // size)
    return [[torch.randn(length, h, HEAD, device="cuda", dtype=torch.bfloat16) for h in (heads, key_heads, key_heads)]
            for _ in range(sets)]


# shapes for --quick, with the schedules to try; the first of them for all variants
QUICK_TIMED = {"joint 4296x24": ("stream2", "stream", "whole"), "causal 4096 28/4": ("whole", "stream"),
               "joint 4096x24": ("stream2", "whole")}


def operations(case):
    return 4 * case["q"] ** 2 * HEAD * case["heads"] / (2 if case["causal"] else 1)


def time_kernel(kernel, name, policy, torch, rounds):
    case = TIMED[name]
    launches = []
    plan = None
    for q, k, v in inputs(case, torch):
        plan = plan or kernel.plan(q, k, [(0, case["q"], 0, case["q"])], case["causal"], policy)
        out = torch.empty(case["q"], case["heads"] * HEAD, device="cuda", dtype=torch.bfloat16)
        launches.append(kernel.launcher(plan, q, k, v, out, HEAD ** -0.5))
    ms, least = median_ms(launches, torch, rounds)
    return dict(time=name, policy=plan["chosen"], ms=ms, least=least, tflops=operations(case) / ms / 1e9)


def time_torch(name, backend, torch, rounds, sets=None):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    case = TIMED[name]
    launches = []
    for q, k, v in sets or inputs(case, torch):
        q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))

        def launch(q=q, k=k, v=v):
            return torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=case["causal"], enable_gqa=case["heads"] != case["key_heads"])
        launches.append(launch)
    with sdpa_kernel(getattr(SDPBackend, backend)):
        ms, least = median_ms(launches, torch, rounds)
    return dict(time=name, policy=backend, ms=ms, least=least, tflops=operations(case) / ms / 1e9)


# ---- processes -----------------------------------------------------------------------------------------------------


def report(row):
    print("RESULT " + json.dumps(row), flush=True)


def child(arguments):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.zeros(1, device="cuda")
    if arguments.child == "torch":
        for name in TIMED:
            for backend in ("CUDNN_ATTENTION", "FLASH_ATTENTION"):
                try:
                    report(time_torch(name, backend, torch, 60))
                except Exception as failure:
                    report(dict(time=name, policy=backend, failure=str(failure)[:200]))
        size = 8192
        a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        ms, least = median_ms([lambda: a @ b], torch, 20)
        report(dict(time="matmul 8192", policy="cublas", ms=ms, least=least, tflops=2 * size ** 3 / ms / 1e9))
        return
    kernel = Kernel(Driver(), arguments.cubin, arguments.child)
    for name in CHECKS if arguments.thorough else QUICK:
        report(check(kernel, name, torch))
    rounds = 60
    plans = [("joint 4296x24", p) for p in ("stream", "stream2", "whole")]
    plans += [(n, "best") for n in TIMED if n != "joint 4296x24"]
    for name, policy in plans:
        report(time_kernel(kernel, name, policy, torch, rounds))


# ---- one process for all --------------------------------------------------------------------------------------------


def quick(arguments, cubins):
    """Times every variant at the joint shape and two others, PyTorch beside them; then checks every variant."""
    import threading
    import time
    import torch
    torch.zeros(1, device="cuda")
    driver, kernels, deadline = Driver(), {}, [time.time() + 20]

    def watch():
        while time.time() < deadline[0]:
            time.sleep(0.2)
        os._exit(7)  # hung

    threading.Thread(target=watch, daemon=True).start()
    for variant, path in cubins.items():
        kernels[variant] = Kernel(driver, path, variant)
    sets = {name: inputs(TIMED[name], torch)[:4] for name in QUICK_TIMED}
    for name, policies in QUICK_TIMED.items():
        case = TIMED[name]
        outs = [torch.empty(case["q"], case["heads"] * HEAD, device="cuda", dtype=torch.bfloat16)
                for _ in sets[name]]
        for variant, kernel in kernels.items():
            for policy in policies if variant == next(iter(kernels)) else policies[:1]:
                deadline[0] = time.time() + 5
                report(dict(begins=variant))
                plan, launches = None, []
                for (q, k, v), out in zip(sets[name], outs):
                    plan = plan or kernel.plan(q, k, [(0, case["q"], 0, case["q"])], case["causal"], policy)
                    launches.append(kernel.launcher(plan, q, k, v, out, HEAD ** -0.5))
                ms, least = median_ms(launches, torch, 80)
                again, _ = median_ms(launches, torch, 80)
                report(dict(variant=variant, time=name, policy=plan["chosen"], ms=ms, again=again, least=least,
                            tflops=operations(case) / ms / 1e9))
        for backend in ("CUDNN_ATTENTION", "FLASH_ATTENTION"):
            deadline[0] = time.time() + 10
            try:
                report(dict(time_torch(name, backend, torch, 40, sets[name]), variant="torch"))
            except Exception as failure:
                report(dict(variant="torch", time=name, policy=backend, failure=str(failure)[:100]))
    for variant, kernel in kernels.items():
        for name in QUICK:
            deadline[0] = time.time() + 10
            report(dict(begins=variant))
            report(dict(check(kernel, name, torch), variant=variant))
    report(dict(ends=True))
    os._exit(0)


def run_quick(arguments, cubins):
    """Runs quick() until it ends, each time without the variant that stopped it; prints lines as they come."""
    while cubins:
        command = [sys.executable, "-u", __file__, "--quick", "--child", json.dumps(cubins)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        current, ended, others = None, False, []
        for line in process.stdout:
            if not line.startswith("RESULT "):
                others.append(line.rstrip())
                continue
            row = json.loads(line[7:])
            current = row.get("begins", current)
            ended = ended or "ends" in row
            if "failure" in row:
                print("%-24s %-18s %-16s %s" % (row["variant"], row["time"], row["policy"], row["failure"]))
            elif "time" in row:
                print("%-24s %-18s %-16s %8.1f us, again %8.1f, least %8.1f: %6.1f TFLOP/s" % (
                    row["variant"], row["time"], row["policy"], row["ms"] * 1e3, row.get("again", 0) * 1e3,
                    row["least"] * 1e3, row["tflops"]), flush=True)
            elif "check" in row:
                print("%-24s %-32s %-8s error %.2e of %.2e %s" % (
                    row["variant"], row["check"], row["policy"], row["error"], row["allowed"],
                    "; ".join(row["problems"]) or "ok"), flush=True)
        process.wait()
        if ended:
            return
        print("%s: exit %s: %s" % (current, process.returncode, " | ".join(others[-3:])[-300:]), flush=True)
        if current is None:
            return
        cubins = {v: p for v, p in cubins.items() if v != current}


def compile_variant(variant, source, folder):
    path = os.path.join(folder, variant + ".cubin")
    command = ["nvcc", "-cubin", "-gencode", "arch=compute_90a,code=sm_90a", "-O3", "-std=c++17",
               "-I" + os.path.dirname(os.path.abspath(source)), "-o", path, source] + defines(variant)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print("%s: nvcc failed\n%s" % (variant, done.stderr[-2000:]))
        return None
    return path


def run_child(script, label, extra, limit, log):
    """The rows that a child reported, and what ended it."""
    command = [sys.executable, script, "--child", label] + extra
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        text, _ = process.communicate(timeout=limit)
        ended = "" if process.returncode == 0 else "exit %d" % process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        ended = "hung: stopped after %d s" % limit
    log.write("==== %s %s\n%s\n" % (label, ended, text))
    log.flush()
    rows = [json.loads(line[7:]) for line in text.splitlines() if line.startswith("RESULT ")]
    if ended:
        others = [line for line in text.splitlines() if line and not line.startswith("RESULT ")]
        ended += ": " + " | ".join(others[-2:])[-300:]
    return rows, ended


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cubins")
    parser.add_argument("--source", default=os.path.join(HERE, "../../main/cuda/attention_hopper.cu"))
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--out", default=os.environ.get("OUT", "."))
    parser.add_argument("--quick", action="store_true", help="all variants in one process, times first")
    parser.add_argument("--build", help="folder for cubins; nothing is run")
    parser.add_argument("--child")
    parser.add_argument("--cubin")
    parser.add_argument("--thorough", action="store_true")
    arguments = parser.parse_args()
    if arguments.child and arguments.quick and arguments.child.startswith("{"):
        return quick(arguments, json.loads(arguments.child))
    if arguments.child:
        return child(arguments)
    if arguments.build:
        os.makedirs(arguments.build, exist_ok=True)
        failures = [v for v in arguments.variants.split(",")
                    if not compile_variant(v, arguments.source, arguments.build)]
        return 1 if failures else 0
    variants = [v for v in arguments.variants.split(",") if v]
    cubins, missing = {}, []
    for variant in variants:
        path = os.path.join(arguments.cubins or "", variant + ".cubin")
        if arguments.cubins and os.path.exists(path):
            cubins[variant] = path
        else:
            missing.append(variant)
    if missing:
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            for variant, path in zip(missing, pool.map(
                    lambda v: compile_variant(v, arguments.source, arguments.out), missing)):
                if path:
                    cubins[variant] = path
    if arguments.quick:
        return run_quick(arguments, {v: cubins[v] for v in variants if v in cubins})
    table = []
    with open(os.path.join(arguments.out, "attention_hopper.log"), "w") as log:
        for number, variant in enumerate(["torch"] + [v for v in variants if v in cubins]):
            extra = [] if variant == "torch" else ["--cubin", cubins[variant]]
            if number == 1:
                extra.append("--thorough")
            rows, ended = run_child(__file__, variant, extra, 90 if number < 2 else 45, log)
            checks = [r for r in rows if "check" in r]
            for row in checks:
                if row["problems"] or number == 1:
                    print("%-24s %-32s %-8s error %.2e allowed %.2e relative %.1e %s" % (
                        variant, row["check"], row["policy"], row["error"], row["allowed"], row["relative"],
                        "; ".join(row["problems"]) or "ok"), flush=True)
            table.append((variant, checks, [r for r in rows if "time" in r], ended))
    print("\n%-24s %-18s %-16s %9s %9s %8s  checks" % ("variant", "shape", "schedule", "median us", "least us",
                                                      "TFLOP/s"))
    for variant, checks, times, ended in table:
        good = "%d/%d" % (sum(not c["problems"] for c in checks), len(checks)) if checks else ""
        for row in times:
            if "failure" in row:
                print("%-24s %-18s %-16s %s" % (variant, row["time"], row["policy"], row["failure"][:60]))
            else:
                print("%-24s %-18s %-16s %9.1f %9.1f %8.1f  %s" % (variant, row["time"], row["policy"],
                                                                row["ms"] * 1e3, row["least"] * 1e3, row["tflops"],
                                                                good))
        if ended:
            print("%-24s %s (checks %s)" % (variant, ended, good))


if __name__ == "__main__":
    sys.exit(main())
