"""Runs case folders of the PTX machine on a real GPU: the same files that the machine is held against.

    python run_cases_on_gpu.py [--device N] [--out FOLDER] [--seconds N] CASE_DIR...

A CASE_DIR is a case folder or a folder of them. Each case's PTX goes through the driver's compiler, is launched once and
compared with what the folder expects; one line tells of each case, a closing line of all. --out keeps the buffers after
each launch. Cases of another architecture are skipped. Needs NumPy and libcuda.so.1, nothing else.
"""

import argparse
import ctypes
import json
import pathlib
import queue
import re
import struct
import subprocess
import sys
import threading

import numpy as np

GUARD = 256                    # bytes behind every buffer that must stay as they are
GUARD_BYTE = 0xA5
OLDER_VERSIONS = ("9.3", "9.2", "9.1", "9.0", "8.8", "8.7", "8.6", "8.5", "8.4", "8.3", "8.2", "8.1", "8.0")
UNSUPPORTED_PTX_VERSION = 222
TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16, "F8_E4M3": np.uint8,
         "F8_E5M2": np.uint8, "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "U64": np.uint64,
         "U32": np.uint32, "U16": np.uint16, "U8": np.uint8, "BOOL": np.uint8}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=30, help="the longest that a case may take")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    folders = [case for folder in options.folders for case in cases_in(folder)]
    if options.worker:
        return work(options, folders)
    return supervise(options, folders)


def cases_in(folder: pathlib.Path) -> list[pathlib.Path]:
    if (folder / "case.json").is_file():
        return [folder]
    found = sorted(file.parent for file in folder.glob("*/case.json"))
    if not found:
        sys.exit(f"{folder}: neither a case folder nor a folder of them")
    return found


# ---- the parent: a case that hangs or spoils the context costs a worker, not the run ----

def supervise(options, folders) -> int:
    tally = {"holds": 0, "fails": 0, "skipped": 0}
    left = list(folders)
    while left:
        command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--worker", "--device", str(options.device)]
        if options.out:
            command += ["--out", str(options.out)]
        worker = subprocess.Popen(command + [str(folder) for folder in left], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        lines: queue.Queue = queue.Queue()
        threading.Thread(target=forward, args=(worker.stdout, lines), daemon=True).start()
        while left:
            try:
                line = lines.get(timeout=options.seconds + 30)     # the first answer waits for the context, too
            except queue.Empty:
                line = None
                worker.kill()
            if line is not None and json.loads(line)[1] == "restart":
                break
            if line is None:
                worker.kill()
                reason = (worker.stderr.read() or "").strip().splitlines()[-1:] or ["no answer in time"]
                line = json.dumps([left[0].name, "fails", f"the worker ended: {reason[0]}"])
                left, again = left[1:], True
            else:
                left, again = left[1:], False
            name, verdict, detail = json.loads(line)
            tally[verdict] += 1
            print(f"{name}: {verdict}{': ' + detail if detail else ''}", flush=True)
            if again:
                break
        worker.stdout.close()
        worker.wait(timeout=60)
    print(f"{tally['holds']} passed, {tally['fails']} failed, {tally['skipped']} skipped")
    return 1 if tally["fails"] else 0


def forward(stream, lines) -> None:
    try:
        for line in stream:
            if line.startswith("["):
                lines.put(line)
    except ValueError:
        pass
    lines.put(None)


# ---- the worker ----

def work(options, folders) -> int:
    device = Device(options.device)
    for folder in folders:
        spoilt = False
        try:
            verdict, detail = run_case(device, folder, options.out)
        except DriverError as failure:
            verdict, detail, spoilt = "fails", str(failure), failure.spoils
        except Exception as failure:
            verdict, detail = "fails", f"{type(failure).__name__}: {failure}"
        print(json.dumps([folder.name, verdict, detail]), flush=True)
        if spoilt:
            print(json.dumps(["", "restart", ""]), flush=True)
            return 3
    return 0


def run_case(device, folder, out):
    case = json.loads((folder / "case.json").read_text())
    ptx = (folder / case["ptx"]).read_text()
    target = re.search(r"\.target\s+sm_(\d+)(a?)", ptx)
    needed = int(target.group(1))
    if needed > device.capability or (target.group(2) and needed != device.capability):
        return "skipped", f"made for sm_{needed}{target.group(2)}, the device is sm_{device.capability}"
    before = read_safetensors(folder / "buffers.safetensors")
    expected = read_safetensors(folder / "expected.safetensors")
    with_version = device.load(ptx)
    try:
        function = device.function(with_version.module, case["entry"], case["dynamic_shared_bytes"])
        after = device.launch(function, case, before)
    finally:
        device.unload(with_version.module)
    if out:
        (out / folder.name).mkdir(parents=True, exist_ok=True)
        write_safetensors(out / folder.name / "after.safetensors", after)
    tolerance = case.get("tolerance", {})
    for name, (kind, answer) in expected.items():
        fault = compare(after[name][1], answer, kind, tolerance.get("absolute", 0), tolerance.get("relative", 0))
        if fault:
            return "fails", f"{name}: {fault}"
    return "holds", f"as PTX {with_version.version}" if with_version.version else ""


def compare(got, answer, kind, absolute, relative):
    got, answer = got.reshape(-1), answer.reshape(-1)
    if kind[0] in "IUB" and kind != "BF16":
        wrong = np.abs(got.astype(object) - answer.astype(object)) > np.array(
            [absolute + relative * abs(int(e)) for e in answer], object)
        worst = "" if not wrong.any() else f"{got[wrong.argmax()]} where {answer[wrong.argmax()]} is expected"
    else:
        v, e = widen(got, kind), widen(answer, kind)
        with np.errstate(invalid="ignore"):
            near = np.abs(v - e) <= absolute + relative * np.abs(e)
        wrong = ~(near | (v == e) | (np.isnan(v) & np.isnan(e)))
        worst = "" if not wrong.any() else f"{float(v[wrong.argmax()])} where {float(e[wrong.argmax()])} is expected"
    wrong = wrong.astype(bool)
    return f"{wrong.sum()} of {wrong.size} values are wrong, the first at {wrong.argmax()}: {worst}" if wrong.any() else None


def widen(x, kind):
    if kind == "BF16":
        return (x.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if kind == "F8_E5M2":
        return (x.astype(np.uint16) << 8).view(np.float16).astype(np.float64)
    if kind == "F8_E4M3":
        magnitude, sign = (x & 0x7F).astype(np.int64), np.where(x > 0x7F, -1.0, 1.0)
        exponent, mantissa = magnitude >> 3, magnitude & 7
        value = np.where(exponent == 0, mantissa * 2.0 ** -9, (8 + mantissa) * 2.0 ** (exponent - 10.0))
        return sign * np.where(magnitude == 0x7F, np.nan, value)
    return x.astype(np.float64)


def read_safetensors(file):
    data = file.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            first, last = (8 + size + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[first:last], TYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
            tensors[name] = (entry["dtype"], array)
    return tensors


def write_safetensors(file, tensors):
    header, offset = {}, 0
    for name, (kind, value) in tensors.items():
        header[name] = dict(dtype=kind, shape=list(value.shape), data_offsets=[offset, offset + value.nbytes])
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for _, value in tensors.values()))


# ---- the driver ----

class DriverError(Exception):
    def __init__(self, call, code, name, log=""):
        super().__init__(f"{call}: {name} ({code})" + (f": {' '.join(log.split())[:300]}" if log else ""))
        self.code = code
        self.spoils = call in ("cuCtxSynchronize", "cuMemcpyDtoH", "cuLaunchKernel") and code >= 700


class Loaded:
    def __init__(self, module, version):
        self.module, self.version = module, version


class Device:
    """One context of the driver, which lives as long as the process."""

    def __init__(self, ordinal):
        self.driver = ctypes.CDLL("libcuda.so.1")
        self.check("cuInit", self.driver.cuInit(0))
        device, context, value = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_int()
        self.check("cuDeviceGet", self.driver.cuDeviceGet(ctypes.byref(device), ordinal))
        self.check("cuDevicePrimaryCtxRetain", self.driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        self.check("cuCtxSetCurrent", self.driver.cuCtxSetCurrent(context))
        parts = []
        for attribute in (75, 76):                             # compute capability, major and minor
            self.check("cuDeviceGetAttribute", self.driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device))
            parts.append(value.value)
        self.capability = parts[0] * 10 + parts[1]

    def check(self, call, code, log=""):
        if code:
            name = ctypes.c_char_p()
            self.driver.cuGetErrorName(code, ctypes.byref(name))
            raise DriverError(call, code, (name.value or b"unknown").decode(), log)

    def load(self, ptx):
        """Loads the text; where the driver is older than its ISA version, under the newest version that it takes."""
        try:
            return Loaded(self.load_text(ptx), "")
        except DriverError as failure:
            if failure.code != UNSUPPORTED_PTX_VERSION and "version" not in str(failure).lower():
                raise
            first = failure
        declared = re.search(r"\.version\s+(\S+)", ptx).group(1)
        for version in OLDER_VERSIONS:
            if tuple(map(int, version.split("."))) < tuple(map(int, declared.split("."))):
                try:
                    return Loaded(self.load_text(ptx.replace(f".version {declared}", f".version {version}", 1)), version)
                except DriverError as failure:
                    if failure.code != UNSUPPORTED_PTX_VERSION and "version" not in str(failure).lower():
                        raise
        raise first

    def load_text(self, ptx):
        log = ctypes.create_string_buffer(8192)
        keys = (ctypes.c_int * 2)(5, 6)                        # CU_JIT_ERROR_LOG_BUFFER and its size
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
        module = ctypes.c_void_p()
        text = ctypes.create_string_buffer(ptx.encode())
        code = self.driver.cuModuleLoadDataEx(ctypes.byref(module), text, 2, keys, values)
        self.check("cuModuleLoadDataEx", code, log.value.decode(errors="replace"))
        return module

    def unload(self, module):
        self.driver.cuModuleUnload(module)

    def function(self, module, entry, dynamic_shared_bytes):
        function = ctypes.c_void_p()
        self.check("cuModuleGetFunction", self.driver.cuModuleGetFunction(ctypes.byref(function), module, entry.encode()))
        if dynamic_shared_bytes > 0:                           # 8: largest dynamic shared memory of a launch
            self.check("cuFuncSetAttribute", self.driver.cuFuncSetAttribute(function, 8, dynamic_shared_bytes))
        return function

    def launch(self, function, case, before):
        addresses, held = {}, []
        try:
            for name, (_, value) in before.items():
                content = value.tobytes() + bytes([GUARD_BYTE]) * GUARD
                address = ctypes.c_uint64()
                self.check("cuMemAlloc", self.driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(len(content))))
                addresses[name] = address
                self.check("cuMemcpyHtoD", self.driver.cuMemcpyHtoD_v2(address, content, ctypes.c_size_t(len(content))))
            for argument in case["arguments"]:
                held.append(packed(argument, addresses))
            pointers = (ctypes.c_void_p * max(1, len(held)))(*[ctypes.addressof(value) for value in held])
            self.check("cuLaunchKernel", self.driver.cuLaunchKernel(
                function, *map(ctypes.c_uint, case["grid"]), *map(ctypes.c_uint, case["block"]),
                ctypes.c_uint(case["dynamic_shared_bytes"]), None, pointers, None))
            self.check("cuCtxSynchronize", self.driver.cuCtxSynchronize())
            return {name: (before[name][0], self.download(name, address, before[name][1]))
                    for name, address in addresses.items()}
        finally:
            for address in addresses.values():
                self.driver.cuMemFree_v2(address)

    def download(self, name, address, like):
        content = ctypes.create_string_buffer(like.nbytes + GUARD)
        self.check("cuMemcpyDtoH", self.driver.cuMemcpyDtoH_v2(content, address, ctypes.c_size_t(len(content))))
        if content.raw[like.nbytes:] != bytes([GUARD_BYTE]) * GUARD:
            raise ValueError(f"the kernel wrote behind the end of buffer {name}")
        return np.frombuffer(content.raw[:like.nbytes], like.dtype).reshape(like.shape).copy()


def packed(argument, addresses):
    (kind, value), = argument.items()
    if kind == "buffer":
        return ctypes.c_uint64(addresses[value].value)
    if kind == "null":
        return ctypes.c_uint64(0)
    return {"i32": ctypes.c_int32, "i64": ctypes.c_int64, "f32": ctypes.c_float}[kind](value)


if __name__ == "__main__":
    sys.exit(main())
