"""The variants of attention_hopper.cu, and their launches by the driver: what bench_attention_hopper.py times."""
import ctypes
import math

from hopper_schedule import FIELDS, schedule, tiles_of

HEAD = 128
# The macros of attention_hopper_tile.cuh; a variant names those that differ.
DEFAULTS = dict(CONSUMERS=2, KEY_ROWS=128, STAGES=2, CLUSTER=1, OVERLAP=1, QUERY_REGISTERS=0, TURNS=1,
                RESCALE_THRESHOLD=8)
VARIANTS = {
    "k128": {},
    "k128-qreg": dict(QUERY_REGISTERS=1),
    "k128-cluster": dict(CLUSTER=2),
    "k128-qreg-cluster": dict(QUERY_REGISTERS=1, CLUSTER=2),
    "k176": dict(KEY_ROWS=176),
    "k176-cluster": dict(KEY_ROWS=176, CLUSTER=2),
    "k160": dict(KEY_ROWS=160),
    "k144-qreg": dict(KEY_ROWS=144, QUERY_REGISTERS=1),
    "k128-3stages": dict(STAGES=3),
    "k128-noturns": dict(TURNS=0),
    "k128-always": dict(RESCALE_THRESHOLD=0),
    "k128-inorder": dict(OVERLAP=0),
    "c3-k128-inorder": dict(CONSUMERS=3, OVERLAP=0, TURNS=0),
    "c3-k128-inorder-turns": dict(CONSUMERS=3, OVERLAP=0),
    "k176-noturns": dict(KEY_ROWS=176, TURNS=0),
    "k128-qreg-noturns": dict(QUERY_REGISTERS=1, TURNS=0),
}


def settings(variant):
    return dict(DEFAULTS, **VARIANTS[variant])


def defines(variant):
    return ["-DATTENTION_%s=%d" % pair for pair in settings(variant).items()]


class Driver:
    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")

    def call(self, name, *arguments):
        status = getattr(self.cuda, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorString(status, ctypes.byref(text))
            raise RuntimeError("%s: %d %s" % (name, status, (text.value or b"").decode()))

    def tensor_map(self, tensor, box_rows, panels=2):
        """[L, H, 128] as (64, L, 2, H)."""
        import torch
        length, heads, _ = tensor.shape
        kind = {torch.bfloat16: 9, torch.float16: 6}[tensor.dtype]
        memory = ctypes.create_string_buffer(192)
        aligned = (ctypes.addressof(memory) + 63) // 64 * 64
        self.call("cuTensorMapEncodeTiled", ctypes.c_void_p(aligned), kind, 4, ctypes.c_void_p(tensor.data_ptr()),
                  (ctypes.c_uint64 * 4)(64, length, 2, heads),
                  (ctypes.c_uint64 * 3)(tensor.stride(0) * 2, 128, tensor.stride(1) * 2),
                  (ctypes.c_uint32 * 4)(64, box_rows, panels, 1), (ctypes.c_uint32 * 4)(1, 1, 1, 1), 0, 3, 3, 0)
        return memory, aligned


class Kernel:
    def __init__(self, driver, cubin, variant):
        consumers, key_rows, stages, cluster = (settings(variant)[n] for n in (
            "CONSUMERS", "KEY_ROWS", "STAGES", "CLUSTER"))
        self.driver, self.cluster = driver, cluster
        self.query_box, self.key_tile = 64 * consumers, key_rows
        self.query_tile = self.query_box * cluster
        self.threads = 128 * (1 + consumers)
        self.warps = 4 * consumers * cluster
        tile = 2 * HEAD * key_rows
        shared = 2 * HEAD * self.query_box + 2 * stages * tile + 128 + 8 * (2 + 4 * stages)
        self.shared = -(-shared // 1024) * 1024
        self.slot_bytes = cluster * consumers * 128 * 17 * 16
        image = open(cubin, "rb").read()
        module = ctypes.c_void_p()
        driver.call("cuModuleLoadData", ctypes.byref(module), image)
        self.functions = {}
        for kind in ("bf16", "f16"):
            function = ctypes.c_void_p()
            driver.call("cuModuleGetFunction", ctypes.byref(function), module, b"attention_hopper_" + kind.encode())
            driver.call("cuFuncSetAttribute", function, 8, self.shared)
            self.functions[kind] = function

    def plan(self, q, k, sequences, causal, policy="best", blocks=None):
        """Uploads the schedule of a shape."""
        import torch
        blocks = (blocks or torch.cuda.get_device_properties(0).multi_processor_count) // self.cluster
        tiles = tiles_of(sequences, q.shape[1], k.shape[1], causal, self.query_tile, self.key_tile)
        (lists, slots, counters), chosen = schedule(tiles, blocks, self.warps, policy)
        items, first = [], [0]
        for work in lists:
            for item in work:
                items.append([item[f] for f in FIELDS] + [0, 0])
            first.append(len(items))
        device = dict(device="cuda", dtype=torch.int32)
        return dict(blocks=blocks * self.cluster, chosen=chosen, slots=slots,
                    items=torch.tensor(items or [[0] * 16], **device),
                    first=torch.tensor(first, **device), counters=torch.zeros(max(1, counters), **device),
                    workspace=torch.full((max(1, slots) * self.slot_bytes // 4,), float("nan"), device="cuda"))

    def launcher(self, plan, q, k, v, out, scale):
        """A function that launches with everything prepared."""
        import torch
        kind = {torch.bfloat16: "bf16", torch.float16: "f16"}[q.dtype]
        keep = [self.driver.tensor_map(q, self.query_box)]
        keep += [self.driver.tensor_map(x, self.key_tile, 2 // self.cluster) for x in (k, v)]
        values = [ctypes.c_void_p(out.data_ptr()), ctypes.c_longlong(out.stride(0)),
                  ctypes.c_float(scale * math.log2(math.e))]
        values += [ctypes.c_void_p(plan[n].data_ptr()) for n in ("items", "first", "workspace", "counters")]
        pointers = (ctypes.c_void_p * 10)(*([m[1] for m in keep] + [ctypes.addressof(x) for x in values]))
        function, blocks = self.functions[kind], plan["blocks"]

        def launch():
            self.driver.call("cuLaunchKernel", function, blocks, 1, 1, self.threads, 1, 1, self.shared,
                             ctypes.c_void_p(torch.cuda.current_stream().cuda_stream), pointers, None)
        launch.keep = (keep, values, q, k, v, out, plan)
        return launch
