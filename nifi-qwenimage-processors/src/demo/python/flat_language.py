"""Qwen2.5-VL for pictures of one size, with the names of the real class: language part, vision tower, both together.

Every layer of the vision tower sees the whole picture (`fullatt_block_indexes` names them all), so there are no windows.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import chat
import sentences
from attention import attend

TEXT = dict(
    hidden_size=192,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=6,
    num_key_value_heads=2,
    mrope_section=[4, 6, 6],
    tie_word_embeddings=True,
)
VISION = dict(depth=4, hidden_size=128, intermediate_size=256, num_heads=4, fullatt_block_indexes=[0, 1, 2, 3])
PATCH, MERGE = 14, 2
GRID = chat.SIDE // (PATCH * MERGE)  # tokens along a side
HEAD_DIM = TEXT["hidden_size"] // TEXT["num_attention_heads"]
VISION_HEAD = VISION["hidden_size"] // VISION["num_heads"]
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class RmsNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x.float(), self.weight.shape, self.weight, 1e-6)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        hidden, kv = TEXT["hidden_size"], TEXT["num_key_value_heads"] * HEAD_DIM
        self.q_proj = nn.Linear(hidden, hidden)
        self.k_proj = nn.Linear(hidden, kv)
        self.v_proj = nn.Linear(hidden, kv)
        self.o_proj = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        split = lambda y: y.unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)
        groups = TEXT["num_attention_heads"] // TEXT["num_key_value_heads"]
        q = rotate(split(self.q_proj(x)), rope)
        k = rotate(split(self.k_proj(x)), rope).repeat_interleave(groups, dim=1)
        v = split(self.v_proj(x)).repeat_interleave(groups, dim=1)
        return self.o_proj(attend(q, k, v, causal=True).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, hidden: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden, inner, bias=bias)
        self.up_proj = nn.Linear(hidden, inner, bias=bias)
        self.down_proj = nn.Linear(inner, hidden, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.mlp = Mlp(TEXT["hidden_size"], TEXT["intermediate_size"], bias=False)
        self.input_layernorm = RmsNorm(TEXT["hidden_size"])
        self.post_attention_layernorm = RmsNorm(TEXT["hidden_size"])

    def forward(self, x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rope)
        return x + self.mlp(self.post_attention_layernorm(x))


class VisionAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(VISION["hidden_size"], 3 * VISION["hidden_size"])
        self.proj = nn.Linear(VISION["hidden_size"], VISION["hidden_size"])

    def forward(self, x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, -1, VISION_HEAD)).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(rotate(q, rope), rotate(k, rope), v).transpose(1, 2).flatten(2))


class VisionBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = RmsNorm(VISION["hidden_size"])
        self.norm2 = RmsNorm(VISION["hidden_size"])
        self.attn = VisionAttention()
        self.mlp = Mlp(VISION["hidden_size"], VISION["intermediate_size"], bias=True)

    def forward(self, x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), rope)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        wide = VISION["hidden_size"] * MERGE**2
        self.ln_q = RmsNorm(VISION["hidden_size"])
        self.mlp = nn.Sequential(nn.Linear(wide, wide), nn.GELU(), nn.Linear(wide, TEXT["hidden_size"]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mlp(self.ln_q(x).unflatten(1, (-1, MERGE**2)).flatten(2))


class Vision(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Linear(3 * PATCH**2, VISION["hidden_size"], bias=False)
        self.blocks = nn.ModuleList([VisionBlock() for _ in range(VISION["depth"])])
        self.merger = Merger()
        side = GRID * MERGE
        rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        by_block = lambda x: x.view(GRID, MERGE, GRID, MERGE).transpose(1, 2).flatten().float()
        frequencies = 10000.0 ** (-torch.arange(0, VISION_HEAD // 2, 2) / (VISION_HEAD // 2))
        angles = torch.cat([torch.outer(by_block(x), frequencies) for x in (rows, columns)], dim=1).repeat(1, 2)
        self.register_buffer("rope", torch.stack([angles.cos(), angles.sin()]), persistent=False)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """[n, 100, 588] normalised pixels, patch by patch in blocks of four, to [n, 25, hidden of the language part]."""
        x = self.patch_embed(patches).float()
        for block in self.blocks:
            x = block(x, self.rope)
        return self.merger(x)


class FlatLanguage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        tokens = sentences.tokenizer()
        # The published embedding has rows that no token uses.
        self.embed_tokens = nn.Embedding((tokens.get_vocab_size() + 15) // 16 * 16, TEXT["hidden_size"])
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        self.layers = nn.ModuleList([Layer() for _ in range(TEXT["num_hidden_layers"])])
        self.norm = RmsNorm(TEXT["hidden_size"])
        self.visual = Vision()
        for layer in self.layers:
            for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                linear.weight.data *= (2 * TEXT["num_hidden_layers"]) ** -0.5
        prefix = torch.tensor(tokens.encode(sentences.TEMPLATE).ids)
        self.opening = len(tokens.encode(sentences.CHAT_OPENING).ids)
        self.register_buffer("prefix", prefix, persistent=False)
        line = torch.arange(len(prefix) + sentences.PROMPT)
        self.register_buffer("prompt_rope", text_rope(line.expand(3, -1)), persistent=False)
        self.register_buffer("chat_rope", text_rope(self.chat_positions()), persistent=False)

    def chat_positions(self) -> torch.Tensor:
        """[3, CHAT] positions in time, row and column: a picture's tokens share one time."""
        before = torch.arange(self.opening)
        cells = torch.arange(sentences.PICTURE)
        seen = torch.stack([cells * 0, cells // GRID, cells % GRID]) + self.opening
        count = sentences.CHAT - self.opening - sentences.PICTURE
        after = torch.arange(count) + self.opening + GRID
        return torch.cat([before.expand(3, -1), seen, after.expand(3, -1)], dim=1)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """As a product: its gradient needs no sorting of indices."""
        chosen = ids.unsqueeze(-1) == torch.arange(self.embed_tokens.num_embeddings, device=ids.device)
        dtype = torch.bfloat16 if torch.is_autocast_enabled(ids.device.type) else torch.float32
        return (chosen.to(dtype) @ self.embed_tokens.weight).float()

    def prompts(self, ids: torch.Tensor) -> torch.Tensor:
        """[n, PROMPT] ids to [n, PROMPT, hidden] states after the last norm, the template's prefix dropped."""
        x = self.embed(torch.cat([self.prefix.to(ids.dtype).expand(len(ids), -1), ids], dim=1))
        for layer in self.layers:
            x = layer(x, self.prompt_rope)
        return self.norm(x)[:, len(self.prefix) :]

    def chats(self, ids: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """[n, CHAT] ids, of which the picture's are replaced by `seen` [n, 25, hidden], to [n, CHAT, hidden] states."""
        x = self.embed(ids)
        after = self.opening + sentences.PICTURE
        x = torch.cat([x[:, : self.opening], seen.float(), x[:, after:]], dim=1)
        for layer in self.layers:
            x = layer(x, self.chat_rope)
        return self.norm(x)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return states @ self.embed_tokens.weight.T


class Eye(nn.Module):
    """Pictures as the reference prepares them: resized as Pillow does, normalised, cut into patches."""

    def __init__(self) -> None:
        super().__init__()
        import world

        unit = torch.eye(world.SIZE).view(1, 1, world.SIZE, world.SIZE)
        resize = F.interpolate(unit, size=(chat.SIDE, world.SIZE), mode="bicubic", antialias=True)[0, 0]
        self.register_buffer("resize", resize, persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[n, 3, SIZE, SIZE] in 0..255 to [n, 100, 588]."""
        # Pillow goes along rows first and rounds in between.
        wide = (pictures.round() @ self.resize.T).round().clamp(0, 255)
        x = (self.resize @ wide).round().clamp(0, 255)
        x = (x / 255 - self.mean) / self.deviation
        x = x.unflatten(2, (GRID, MERGE, PATCH)).unflatten(5, (GRID, MERGE, PATCH))
        return x.permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(len(x), (GRID * MERGE) ** 2, 3 * PATCH**2)


def text_rope(positions: torch.Tensor) -> torch.Tensor:
    """[3, tokens] positions to [2, tokens, head_dim] cosines and sines; each section of the dims has its own axis."""
    frequencies = 1e6 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angles = positions.float().unsqueeze(-1) * frequencies
    parts = [part[axis] for axis, part in enumerate(angles.split(TEXT["mrope_section"], dim=-1))]
    whole = torch.cat(parts, dim=-1).repeat(1, 2)
    return torch.stack([whole.cos(), whole.sin()])


def rotate(x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    """Rotary embedding by halves. x [n, heads, tokens, head_dim]; rope [2, tokens, head_dim] cosines and sines."""
    a, b = x.float().chunk(2, dim=-1)
    return (x * rope[0] + torch.cat([-b, a], dim=-1) * rope[1]).to(x.dtype)


def config() -> dict:
    """config.json in the published form."""
    models, tokens = tiny("tiny_models"), sentences.tokenizer()
    content = [name for name, _ in tiny("tiny_tokenizer").ADDED_TOKENS]
    return models.flat_text_config(variant(), {name: tokens.token_to_id(name) for name in content})


def variant() -> "tiny_models.Variant":  # noqa: F821
    models = tiny("tiny_models")
    return models.Variant("demo", 0, 0, TEXT, VISION, transformer={}, vae={}, scheduler=models.QWEN_IMAGE_SCHEDULER)


def tiny(name: str):
    """A module of `src/test/python`, which needs packages that one who only trains can do without."""
    folder = str(Path(__file__).resolve().parents[2] / "test" / "python")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return __import__(name)


def export(flat: FlatLanguage) -> "Qwen2_5_VLForConditionalGeneration":  # noqa: F821
    """The real class with the same weights."""
    import json

    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    real = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(config())))).float()
    state = real.state_dict()
    for name, value in flat.state_dict().items():
        if name == "visual.patch_embed.weight":
            # A picture is shown twice, as two frames.
            value = (value / 2).unflatten(1, (3, 1, PATCH, PATCH)).expand(-1, -1, 2, -1, -1)
            name = "visual.patch_embed.proj.weight"
        target = f"model.{name}" if name.startswith("visual.") else f"model.language_model.{name}"
        state[target].copy_(value)
    state["lm_head.weight"].copy_(flat.embed_tokens.weight)
    real.load_state_dict(state)
    return real.eval()
