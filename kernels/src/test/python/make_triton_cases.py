"""Compiles Triton kernels for NVIDIA GPUs, without one, and writes the case folders that the PTX machine must hold.

    python make_triton_cases.py [--out FOLDER] [--all] [--opcodes FILE] [NAME ...]

Answers are NumPy's, in float64. The folder's README describes the format; requirements.txt beside this file pins what
is needed. --all also writes the cases that are not stored; --opcodes lists every opcode the kernels use.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import struct
import sys

os.environ["TRITON_DISABLE_LINE_INFO"] = "1"     # no path of the machine that compiles gets into the PTX
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")

import ml_dtypes
import numpy as np
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import triton_case
from triton_case import Case
import triton_matrix_cases  # noqa: F401 - modules that register cases
import triton_memory_cases  # noqa: F401
import triton_row_cases     # noqa: F401

OUT = pathlib.Path(__file__).resolve().parents[1] / "resources" / "ptx-cases"

# dtype: (Triton's name, safetensors' name)
TYPES = {
    np.dtype(np.float64): ("fp64", "F64"), np.dtype(np.float32): ("fp32", "F32"), np.dtype(np.float16): ("fp16", "F16"),
    np.dtype(ml_dtypes.bfloat16): ("bf16", "BF16"), np.dtype(ml_dtypes.float8_e4m3fn): ("fp8e4nv", "F8_E4M3"),
    np.dtype(ml_dtypes.float8_e5m2): ("fp8e5", "F8_E5M2"), np.dtype(np.int64): ("i64", "I64"),
    np.dtype(np.int32): ("i32", "I32"), np.dtype(np.int16): ("i16", "I16"), np.dtype(np.int8): ("i8", "I8"),
    np.dtype(np.uint64): ("u64", "U64"), np.dtype(np.uint32): ("u32", "U32"), np.dtype(np.uint16): ("u16", "U16"),
    np.dtype(np.uint8): ("u8", "U8"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--opcodes", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    opcodes: dict[str, set[str]] = {}
    failed = 0
    for name, (stored, also, _) in triton_case.REGISTRY.items():
        for target in stored + (also if options.all or options.opcodes else ()):
            folder = f"{name}_sm{target}"
            if options.names and name not in options.names and folder not in options.names:
                continue
            try:
                case = triton_case.generate(name, target)
                compiled = compile_case(case, target)
            except Exception as failure:
                failed += 1
                print(f"{folder}: not compiled: {type(failure).__name__}: {str(failure).strip()[-300:]}", file=sys.stderr)
                continue
            ptx = tidy(compiled.asm["ptx"])
            for opcode in opcodes_of(ptx):
                opcodes.setdefault(opcode, set()).add(folder)
            if target in stored or options.all:
                size = write_case(options.out / folder, case, compiled, ptx)
                print(f"{folder}: {size} bytes")
    if options.opcodes:
        options.opcodes.write_text("".join(f"{op}\t{len(opcodes[op])}\t{min(opcodes[op])}\n" for op in sorted(opcodes)))
    return 1 if failed else 0


def compile_case(case: Case, target: int):
    """Types, divisibility by 16 and constants as Triton's own launcher would derive them from the arguments."""
    signature, attributes, constants = {}, {}, dict(case.constants)
    for index, name in enumerate(case.kernel.arg_names):
        if name in case.constants:
            signature[name] = "constexpr"
            continue
        value = case.arguments[name]
        signature[name] = triton_type(value)
        if isinstance(value, np.ndarray) or (isinstance(value, int) and value % 16 == 0):
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(case.kernel, signature, constants, attributes)
    return triton.compile(source, target=GPUTarget("cuda", target, 32), options=dict(case.options))


def triton_type(value) -> str:
    if isinstance(value, np.ndarray):
        return "*" + TYPES[value.dtype][0]
    return "fp32" if isinstance(value, float) else "i64" if isinstance(value, np.int64) else "i32"


def write_case(folder: pathlib.Path, case: Case, compiled, ptx: str) -> int:
    """Writes the folder; behind the arguments go the hidden ones: Triton's global and profile scratch, if declared."""
    metadata = compiled.metadata
    clusters = getattr(metadata, "num_ctas", 1)
    grid = [case.grid[0] * clusters, case.grid[1], case.grid[2]]
    buffers, arguments = {}, []
    for name in case.kernel.arg_names:
        if name in case.arguments:
            arguments.append(argument(name, case.arguments[name], buffers))
    entry = re.search(r"\.visible \.entry (\S+?)\(", ptx).group(1)
    declared = len(re.findall(r"^\s*\.param", ptx[ptx.index(".entry"):ptx.index("{", ptx.index(".entry"))], re.M))
    scratch = [("global_scratch", metadata.global_scratch_size * grid[0] * grid[1] * grid[2]),
               ("profile_scratch", getattr(metadata, "profile_scratch_size", 0) * grid[0] * grid[1] * grid[2])]
    for name, size in scratch[:declared - len(arguments)]:
        if size:
            buffers[name] = np.zeros(size, np.uint8)
        arguments.append({"buffer": name} if size else {"null": True})
    if declared != len(arguments):
        raise ValueError(f"{folder.name}: {entry} declares {declared} parameters, {len(arguments)} arguments are known")
    threads = int(re.search(r"\.(?:reqntid|maxntid) (\d+)", ptx).group(1))
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / f"{entry}.ptx").write_text(ptx)
    write_safetensors(folder / "buffers.safetensors", buffers)
    write_safetensors(folder / "expected.safetensors", case.expected)
    description = dict(ptx=f"{entry}.ptx", entry=entry, grid=grid, block=[threads, 1, 1],
                       dynamic_shared_bytes=metadata.shared, arguments=arguments,
                       tolerance=dict(absolute=case.tolerance[0], relative=case.tolerance[1]))
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in description.items())
    (folder / "case.json").write_text("{\n" + lines + "\n}\n")
    return sum(file.stat().st_size for file in folder.iterdir())


def argument(name: str, value, buffers: dict) -> dict:
    if isinstance(value, np.ndarray):
        buffers[name] = value
        return {"buffer": name}
    if isinstance(value, float):
        return {"f32": value}
    return {"i64": int(value)} if isinstance(value, np.int64) else {"i32": value}


def tidy(ptx: str) -> str:
    """Without comments, debug sections and blank lines."""
    ptx = re.sub(r"\s*//.*", "", ptx)
    ptx = re.sub(r"\n\s*\.section[^{]*\{[^}]*\}", "", ptx)
    return "\n".join(line.rstrip() for line in ptx.splitlines() if line.strip()) + "\n"


def opcodes_of(ptx: str) -> set[str]:
    found = set()
    for statement in re.split(r"[;{}\n]", ptx):
        match = re.match(r"\s*(?:[$\w]+:\s*)?(?:@!?%?\w+\s+)?([a-z][a-z0-9_]*(?:(?:\.|::)[a-zA-Z0-9_]+)*)(?:\s|$)", statement)
        if match and not statement.lstrip().startswith("."):
            found.add(match.group(1))
    return found


def write_safetensors(file: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
    header, offset = {}, 0
    for name, value in tensors.items():
        header[name] = dict(dtype=TYPES[value.dtype][1], shape=list(value.shape),
                            data_offsets=[offset, offset + value.nbytes])
        offset += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            out.write(np.ascontiguousarray(value).tobytes())


if __name__ == "__main__":
    sys.exit(main())
