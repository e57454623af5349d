"""QwenImageTransformer2DModel for pictures of one size, without complex numbers and with queries, keys and values in
one product, so that it compiles well. `export` gives the weights their published names."""

import torch
import torch.nn.functional as F
from torch import nn

from attention import attend

CONFIG = {
    "patch_size": 2,
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 6,
    "attention_head_dim": 32,
    "num_attention_heads": 4,
    "joint_attention_dim": 192,
    "axes_dims_rope": (8, 12, 12),
}
HEAD_DIM = CONFIG["attention_head_dim"]
DIM = HEAD_DIM * CONFIG["num_attention_heads"]


class Stream(nn.Module):
    """One of the two streams of a block: picture or text."""

    def __init__(self) -> None:
        super().__init__()
        self.mod = nn.Linear(DIM, 6 * DIM)
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.norm_q = nn.Parameter(torch.ones(HEAD_DIM))
        self.norm_k = nn.Parameter(torch.ones(HEAD_DIM))
        self.out = nn.Linear(DIM, DIM)
        self.up = nn.Linear(DIM, 4 * DIM)
        self.down = nn.Linear(4 * DIM, DIM)

    def heads(self, x, shift, scale, rope):
        """x [n, tokens, DIM] to queries, keys and values [n, heads, tokens, HEAD_DIM]."""
        h = normed(x) * (1 + scale) + shift
        q, k, v = self.qkv(h).unflatten(-1, (3, -1, HEAD_DIM)).unbind(2)
        turn = lambda y, weight: rotate(F.rms_norm(y.float(), (HEAD_DIM,), weight, 1e-6), rope).to(v.dtype)
        return [y.transpose(1, 2) for y in (turn(q, self.norm_q), turn(k, self.norm_k), v)]

    def finish(self, x, seen, gate1, shift, scale, gate2):
        x = x + gate1 * self.out(seen)
        h = normed(x) * (1 + scale) + shift
        return x + gate2 * self.down(F.gelu(self.up(h), approximate="tanh"))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.img = Stream()
        self.txt = Stream()

    def forward(self, img, txt, silu_temb, img_rope, txt_rope, mask):
        i = self.img.mod(silu_temb).float().unsqueeze(1).chunk(6, dim=-1)  # shift, scale, gate, twice
        t = self.txt.mod(silu_temb).float().unsqueeze(1).chunk(6, dim=-1)
        parts = zip(self.txt.heads(txt, t[0], t[1], txt_rope), self.img.heads(img, i[0], i[1], img_rope))
        q, k, v = (torch.cat(pair, dim=2) for pair in parts)
        seen = attend(q, k, v, mask).transpose(1, 2).flatten(2)
        count = txt.shape[1]
        img = self.img.finish(img, seen[:, count:], i[2], i[3], i[4], i[5])
        return img, self.txt.finish(txt, seen[:, :count], t[2], t[3], t[4], t[5])


class FlatDenoiser(nn.Module):
    def __init__(self, grid: int = 8) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(256, DIM), nn.Linear(DIM, DIM)
        self.txt_norm = nn.Parameter(torch.ones(CONFIG["joint_attention_dim"]))
        self.img_in = nn.Linear(CONFIG["in_channels"], DIM)
        self.txt_in = nn.Linear(CONFIG["joint_attention_dim"], DIM)
        self.blocks = nn.ModuleList([Block() for _ in range(CONFIG["num_layers"])])
        self.norm_out = nn.Linear(DIM, 2 * DIM)
        self.proj_out = nn.Linear(DIM, CONFIG["in_channels"])
        for module in [self.norm_out, self.proj_out] + [s.mod for b in self.blocks for s in (b.img, b.txt)]:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        line = torch.arange(grid) - (grid - grid // 2)
        rows, columns = torch.meshgrid(line, line, indexing="ij")
        zeros = torch.zeros(grid * grid)
        self.register_buffer("img_rope", rope(torch.stack([zeros, rows.flatten(), columns.flatten()])), persistent=False)
        positions = torch.arange(grid // 2, grid // 2 + 64).expand(3, -1)
        self.register_buffer("txt_rope", rope(positions), persistent=False)
        frequencies = torch.exp(-torch.log(torch.tensor(10000.0)) * torch.arange(128) / 128)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x, sigma, text, lengths):
        """x [n, 64, 64] packed latents; sigma [n]; text [n, tokens, 192], of which the first `lengths` count."""
        angles = sigma[:, None] * 1000 * self.frequencies
        temb = self.linear_2(F.silu(self.linear_1(torch.cat([angles.cos(), angles.sin()], dim=1))))
        silu_temb = F.silu(temb)
        img = self.img_in(x).float()
        txt = self.txt_in(F.rms_norm(text.float(), text.shape[-1:], self.txt_norm, 1e-6)).float()
        count = text.shape[1]
        told = torch.arange(count, device=x.device)[None] < lengths[:, None]
        picture = torch.ones(len(x), x.shape[1], dtype=torch.bool, device=x.device)
        mask = torch.cat([told, picture], dim=1)[:, None, None]
        for block in self.blocks:
            img, txt = block(img, txt, silu_temb, self.img_rope, self.txt_rope[:, :count], mask)
        scale, shift = self.norm_out(silu_temb).float().unsqueeze(1).chunk(2, dim=-1)
        return self.proj_out(normed(img) * (1 + scale) + shift)


def normed(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def rope(positions: torch.Tensor) -> torch.Tensor:
    """[3, tokens] positions along frame, row and column to [2, tokens, 1, HEAD_DIM / 2] cosines and sines."""
    angles = []
    for line, dim in zip(positions, CONFIG["axes_dims_rope"]):
        frequencies = 1.0 / torch.pow(torch.tensor(10000.0), torch.arange(0, dim, 2) / dim)
        angles.append(torch.outer(line.float(), frequencies))
    angle = torch.cat(angles, dim=1).unsqueeze(1)
    return torch.stack([angle.cos(), angle.sin()])


def rotate(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Rotary embedding by neighbours. x [n, tokens, heads, HEAD_DIM]."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * turn[0] - b * turn[1], a * turn[1] + b * turn[0]], dim=-1).flatten(-2)


def pack(latents: torch.Tensor) -> torch.Tensor:
    """[n, 16, h, w] to [n, h/2 * w/2, 64], as the pipeline does."""
    n, c, h, w = latents.shape
    return latents.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(n, h // 2 * (w // 2), c * 4)


def unpack(tokens: torch.Tensor, grid: int = 8) -> torch.Tensor:
    n = len(tokens)
    return tokens.view(n, grid, grid, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(n, 16, grid * 2, grid * 2)


def export(flat: FlatDenoiser) -> "QwenImageTransformer2DModel":  # noqa: F821
    from diffusers import QwenImageTransformer2DModel  # not needed where one only trains

    real = QwenImageTransformer2DModel(**CONFIG)
    state = {}

    def put(name: str, linear: nn.Linear) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = linear.weight, linear.bias

    put("time_text_embed.timestep_embedder.linear_1", flat.linear_1)
    put("time_text_embed.timestep_embedder.linear_2", flat.linear_2)
    state["txt_norm.weight"] = flat.txt_norm
    put("img_in", flat.img_in)
    put("txt_in", flat.txt_in)
    put("norm_out.linear", flat.norm_out)
    put("proj_out", flat.proj_out)
    names = {
        "img": ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.norm_q", "attn.norm_k"),
        "txt": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out", "attn.norm_added_q",
                "attn.norm_added_k"),
    }  # fmt: skip
    for index, block in enumerate(flat.blocks):
        for kind, (*qkv, out, norm_q, norm_k) in names.items():
            stream, prefix = getattr(block, kind), f"transformer_blocks.{index}."
            put(f"{prefix}{kind}_mod.1", stream.mod)
            for name, weight, bias in zip(qkv, stream.qkv.weight.chunk(3), stream.qkv.bias.chunk(3)):
                state[f"{prefix}{name}.weight"], state[f"{prefix}{name}.bias"] = weight, bias
            put(prefix + out, stream.out)
            state[f"{prefix}{norm_q}.weight"], state[f"{prefix}{norm_k}.weight"] = stream.norm_q, stream.norm_k
            put(f"{prefix}{kind}_mlp.net.0.proj", stream.up)
            put(f"{prefix}{kind}_mlp.net.2", stream.down)
    real.load_state_dict({name: value.detach().float() for name, value in state.items()})
    return real
