#!/usr/bin/env python3
"""Counts the machine code of attention's main loop beside what Triton makes of the same attention; without a GPU.

    python instruction_mix.py IMAGES     # the folder with MODULE.ARCHITECTURE.cubin, kernels/target/images/...

For each kernel it prints the instructions of the innermost loop that holds tensor-core instructions on the way that a
tile takes which needs neither mask nor rescaling, by kind, and how many of them are no tensor-core instruction for each
that is one. Triton's kernel has no ragged keys, head dimension 128, BF16, and the exponent's scale folded in; of several
tiles the one with the least overhead that does not spill is shown. Needs triton and nvdisasm (of Triton's package).
"""
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

NVDISASM = pathlib.Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
TENSOR = ("HMMA", "HGMMA")
KINDS = {
    "tensor cores": TENSOR, "special functions": ("MUFU",), "multiply and add": ("FFMA", "FMUL", "FADD"),
    "maximum": ("FMNMX", "FSEL", "FSETP"), "conversion": ("F2FP", "F2F"), "shared memory": ("LDSM", "LDS", "STS"),
    "copies": ("LDGSTS", "UTMALDG", "LDGDEPBAR"), "barriers": ("BAR", "SYNCS", "WARPGROUP", "DEPBAR", "WARPSYNC"),
    "integers and moves": ("IADD", "IADD3", "IMAD", "LOP3", "LEA", "MOV", "SHF", "ISETP", "SEL", "PRMT", "UIADD3",
                           "ULEA", "UMOV", "ULOP3", "USEL", "R2UR", "UISETP", "USHF", "CS2R"),
}


@triton.jit
def attention(q, k, v, out, scale, keys, stride, HEAD: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    head = tl.program_id(1) * HEAD
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    lanes = tl.arange(0, HEAD)
    columns = tl.arange(0, BLOCK_N)
    query = tl.load(q + head + rows[:, None] * stride + lanes[None, :])
    accumulator = tl.zeros((BLOCK_M, HEAD), tl.float32)
    largest = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    for start in range(0, keys, BLOCK_N):
        key = tl.load(k + head + (start + columns)[:, None] * stride + lanes[None, :])
        scores = tl.dot(query, tl.trans(key))
        peak = tl.maximum(largest, tl.max(scores, 1) * scale)
        weights = tl.exp2(scores * scale - peak[:, None])
        rescale = tl.exp2(largest - peak)
        total = total * rescale + tl.sum(weights, 1)
        value = tl.load(v + head + (start + columns)[:, None] * stride + lanes[None, :])
        accumulator = tl.dot(weights.to(value.dtype), value, accumulator * rescale[:, None])
        largest = peak
    accumulator = accumulator / total[:, None]
    tl.store(out + head + rows[:, None] * stride + lanes[None, :], accumulator.to(out.dtype.element_ty))


@triton.jit
def attention_descriptors(q, k, v, out, scale, keys, stride, HEAD: tl.constexpr, BLOCK_M: tl.constexpr,
                          BLOCK_N: tl.constexpr):
    from_q = tl.make_tensor_descriptor(q, [keys, stride], [stride, 1], [BLOCK_M, HEAD])
    from_k = tl.make_tensor_descriptor(k, [keys, stride], [stride, 1], [BLOCK_N, HEAD])
    from_v = tl.make_tensor_descriptor(v, [keys, stride], [stride, 1], [BLOCK_N, HEAD])
    to_out = tl.make_tensor_descriptor(out, [keys, stride], [stride, 1], [BLOCK_M, HEAD])
    head = tl.program_id(1) * HEAD
    first = tl.program_id(0) * BLOCK_M
    query = from_q.load([first, head])
    accumulator = tl.zeros((BLOCK_M, HEAD), tl.float32)
    largest = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    for start in tl.range(0, keys, BLOCK_N):
        scores = tl.dot(query, from_k.load([start, head]).T)
        peak = tl.maximum(largest, tl.max(scores, 1) * scale)
        weights = tl.exp2(scores * scale - peak[:, None])
        rescale = tl.exp2(largest - peak)
        total = total * rescale + tl.sum(weights, 1)
        value = from_v.load([start, head])
        accumulator = tl.dot(weights.to(value.dtype), value, accumulator * rescale[:, None])
        largest = peak
    to_out.store([first, head], (accumulator / total[:, None]).to(out.dtype.element_ty))


def of_triton(kernel, target, block_m, block_n, warps, stages):
    """(cubin, spilled registers) of Triton's kernel."""
    constants = dict(HEAD=128, BLOCK_M=block_m, BLOCK_N=block_n)
    types = dict(q="*bf16", k="*bf16", v="*bf16", out="*bf16", scale="fp32", keys="i32", stride="i32")
    signature = {name: "constexpr" if name in constants else types[name] for name in kernel.arg_names}
    attributes = {(index,): [["tt.divisibility", 16]] for index, name in enumerate(kernel.arg_names)
                  if name not in constants and name != "scale"}
    compiled = triton.compile(ASTSource(kernel, signature, constants, attributes),
                              target=GPUTarget("cuda", target, 32), options=dict(num_warps=warps, num_stages=stages))
    return compiled.asm["cubin"]


def code_of(cubin, entry):
    """[(labels in front, instruction)] of a kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([NVDISASM, "-c", file.name], check=True, capture_output=True, text=True).stdout
    code, labels, inside = [], [], False
    for line in text.splitlines():
        section = re.match(r"\s*\.section\s+\.text\.(\w+)", line)
        if section:
            inside = section.group(1) == entry
        label = re.match(r"\s*(\.L_x_\d+):", line)
        instruction = re.search(r"/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line)
        if inside and label:
            labels.append(label.group(1))
        elif inside and instruction:
            code.append((labels, instruction.group(1)))
            labels = []
    return code


def opcode(instruction):
    return re.sub(r"^@!?U?P\w+\s+", "", instruction).split()[0].split(".")[0]


def main_loop(code):
    """The instructions between a backward branch and its target that hold the most tensor-core instructions a step."""
    places = {label: index for index, (labels, _) in enumerate(code) for label in labels}
    best, count = [], 0
    for index, (_, instruction) in enumerate(code):
        target = re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", instruction)
        if not target or places.get(target.group(1), index + 1) > index:
            continue
        loop = usual_way(code, places[target.group(1)], index, places)
        tensor = sum(opcode(each) in TENSOR for each in loop)
        # Of loops within each other the innermost; of several the longer, which masks nothing.
        if tensor and (not best or tensor >= count and len(loop) / tensor < len(best) / count):
            best, count = loop, tensor
    return best


def usual_way(code, first, last, places):
    """A loop without what a forward branch over rare work skips: rescaling, masks, huge scores."""
    way, index = [], first
    while index <= last:
        instruction = code[index][1]
        way.append(instruction)
        target = re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", instruction)
        to = places.get(target.group(1), -1) if target else -1
        skipped = [code[i][1] for i in range(index + 1, to)] if index < to <= last else []
        rare = skipped and not any(opcode(each) in TENSOR + ("LDGSTS", "UTMALDG", "LDSM") for each in skipped)
        index = to if rare and instruction.startswith("@") and len(skipped) > 8 else index + 1
    return way


def spills(code):
    return any(opcode(each) in ("STL", "LDL") for _, each in code)


def report(name, loop):
    counts = collections.Counter()
    for instruction in loop:
        counts[next((kind for kind, codes in KINDS.items() if opcode(instruction) in codes), "others")] += 1
    tensor = counts["tensor cores"]
    mix = ", ".join("%s %d" % (kind, counts[kind]) for kind in list(KINDS) + ["others"] if counts[kind])
    print("%-46s %5d instructions, %6.2f others for each tensor-core one: %s"
          % (name, len(loop), (len(loop) - tensor) / tensor, mix))


def best_of_triton(name, kernel, target, shapes):
    found = []
    for block_m, block_n, warps, stages in shapes:
        try:
            code = code_of(of_triton(kernel, target, block_m, block_n, warps, stages), kernel.fn.__name__)
        except Exception as error:  # a tile that does not fit is none that Triton would use
            print("%s %dx%d, %d warps: %s" % (name, block_m, block_n, warps, str(error).splitlines()[0][:80]))
            continue
        loop = main_loop(code)
        tensor = sum(opcode(each) in TENSOR for each in loop)
        if tensor:
            found.append((spills(code), len(loop) / tensor, "%s %dx%d, %d warps%s" % (
                name, block_m, block_n, warps, ", spills" if spills(code) else ""), loop))
    for _, _, shape, loop in sorted(found, key=lambda each: each[:2]):
        report(shape, loop)


def main():
    images = pathlib.Path(sys.argv[1])
    os.environ.setdefault("TRITON_CACHE_DIR", tempfile.mkdtemp())
    for architecture in ("sm_80", "sm_90a"):
        cubin = (images / ("attention.%s.cubin" % architecture)).read_bytes()
        for entry in ("attention_128_bf16", "attention_128_short_bf16"):
            report("%s %s" % (entry, architecture), main_loop(code_of(cubin, entry)))
    best_of_triton("triton sm_80", attention, 80, [(128, 64, 8, 3), (128, 64, 4, 3), (64, 64, 4, 3), (128, 32, 4, 3)])
    entry = "attention_hopper_bf16"
    report(entry + " sm_90a", main_loop(code_of((images / "attention_hopper.sm_90a.cubin").read_bytes(), entry)))
    best_of_triton("triton sm_90", attention_descriptors, 90, [(128, 128, 8, 2), (128, 64, 8, 2), (128, 128, 4, 2)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
