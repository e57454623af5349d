"""The language part of Qwen2.5-VL for prompts, with the names of the real class.

All prompts begin with the same template, and attention is causal: its keys and values are computed once for a batch.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "python"))

from attention import attend  # noqa: E402
import tiny_models  # noqa: E402
import tiny_tokenizer  # noqa: E402
import training  # noqa: E402

TEXT = dict(
    hidden_size=192,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=6,
    num_key_value_heads=2,
    mrope_section=[4, 6, 6],
)
VISION = dict(depth=3, hidden_size=128, intermediate_size=256, num_heads=4, fullatt_block_indexes=[2])
LENGTH = 40  # sentence and suffix, padded
SUFFIX = 5
HEAD_DIM = TEXT["hidden_size"] // TEXT["num_attention_heads"]


def variant() -> tiny_models.Variant:
    scheduler = tiny_models.QWEN_IMAGE_SCHEDULER
    return tiny_models.Variant("demo", 0, 0, TEXT, VISION, transformer={}, vae={}, scheduler=scheduler)


def config() -> dict:
    """config.json in the published form."""
    vocabulary = json.loads((training.ROOT / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    return tiny_models.flat_text_config(variant(), tiny_tokenizer.special_ids(vocabulary))


def real_model() -> Qwen2_5_VLForConditionalGeneration:
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(config()))))


class Prompts:
    """Sentences to token ids: [n, LENGTH] padded, and the number of tokens of each."""

    def __init__(self) -> None:
        self.tokenizer = Qwen2Tokenizer.from_pretrained(training.ROOT / "tokenizer")
        self.prefix = torch.tensor(self.tokenizer(tiny_tokenizer.TEMPLATE_PREFIX).input_ids)
        self.suffix = self.tokenizer(tiny_tokenizer.TEMPLATE_SUFFIX).input_ids
        assert len(self.suffix) == SUFFIX and len(self.prefix) == tiny_tokenizer.PREFIX_TOKENS

    def encode(self, sentences: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [ids[: LENGTH - SUFFIX] + self.suffix for ids in self.tokenizer(sentences).input_ids]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.full((len(rows), LENGTH), self.suffix[-1])
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
        return ids, lengths


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

    def heads(self, x: torch.Tensor, rope: torch.Tensor) -> list[torch.Tensor]:
        split = lambda y: y.unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        return [rotate(q, rope), rotate(k, rope), v]


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        hidden, inner = TEXT["hidden_size"], TEXT["intermediate_size"]
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.mlp = Mlp()
        self.input_layernorm = RmsNorm(TEXT["hidden_size"])
        self.post_attention_layernorm = RmsNorm(TEXT["hidden_size"])

    def forward(self, prefix, x, prefix_rope, rope, prefix_mask, mask):
        """prefix [1, 34, d] sees itself; x [n, LENGTH, d] sees the prefix and what comes before it."""
        pq, pk, pv = self.self_attn.heads(self.input_layernorm(prefix), prefix_rope)
        q, k, v = self.self_attn.heads(self.input_layernorm(x), rope)
        spread = lambda y, own: torch.cat([y.to(own.dtype).expand(len(x), -1, -1, -1), own], dim=2)
        k, v = spread(pk, k), spread(pv, v)
        groups = TEXT["num_attention_heads"] // TEXT["num_key_value_heads"]
        wide = lambda y: y.repeat_interleave(groups, dim=1)
        seen = attend(q, wide(k), wide(v), mask)
        prefix_seen = attend(pq, wide(pk), wide(pv), prefix_mask)
        join = lambda y: self.self_attn.o_proj(y.transpose(1, 2).flatten(2))
        x, prefix = x + join(seen), prefix + join(prefix_seen)
        return prefix + self.mlp(self.post_attention_layernorm(prefix)), x + self.mlp(self.post_attention_layernorm(x))


class FlatText(nn.Module):
    def __init__(self, prefix: torch.Tensor) -> None:
        super().__init__()
        hidden = TEXT["hidden_size"]
        self.embed_tokens = nn.Embedding(config()["vocab_size"], hidden)
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        self.layers = nn.ModuleList([Layer() for _ in range(TEXT["num_hidden_layers"])])
        self.norm = RmsNorm(hidden)
        self.lm_head = nn.Linear(hidden, config()["vocab_size"], bias=False)
        for layer in self.layers:
            for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                linear.weight.data *= (2 * TEXT["num_hidden_layers"]) ** -0.5
        self.register_buffer("prefix", prefix, persistent=False)
        frequencies = 1e6 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        angles = torch.outer(torch.arange(len(prefix) + LENGTH), frequencies).repeat(1, 2)
        self.register_buffer("rope", torch.stack([angles.cos(), angles.sin()]), persistent=False)
        causal = torch.ones(len(prefix) + LENGTH, len(prefix) + LENGTH, dtype=torch.bool).tril()
        self.register_buffer("mask", causal, persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """[n, LENGTH] ids to [n, LENGTH, hidden] states after the last norm, the template's prefix dropped."""
        prefix, x = self.embed_tokens(self.prefix).unsqueeze(0), self.embed_tokens(ids)
        count = self.prefix.shape[0]
        for layer in self.layers:
            ropes = self.rope[:, :count], self.rope[:, count:]
            prefix, x = layer(prefix, x, *ropes, self.mask[:count, :count], self.mask[count:])
        return self.norm(x)


def rotate(x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    """Rotary embedding by halves. x [n, heads, tokens, head_dim]; rope [2, tokens, head_dim] cosines and sines."""
    a, b = x.chunk(2, dim=-1)
    turn = rope.to(x.dtype)
    return x * turn[0] + torch.cat([-b, a], dim=-1) * turn[1]


def export(flat: FlatText, real: Qwen2_5_VLForConditionalGeneration) -> None:
    """Copies the learned weights into the real class; its vision tower keeps what it has."""
    state = real.state_dict()
    for name, value in flat.state_dict().items():
        target = name if name.startswith("lm_head") else f"model.language_model.{name}"
        state[target].copy_(value)
    real.load_state_dict(state)
