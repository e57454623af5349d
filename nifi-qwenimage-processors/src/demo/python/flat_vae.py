"""AutoencoderKLQwenImage for one frame, in two dimensions, with the names of the real class.

Of a causal convolution over time only the last tap meets a single frame; the others meet the zeros before it. So
training needs two dimensions only, and `export` puts the learned taps where the real class has its last ones.
"""

import torch
import torch.nn.functional as F
from torch import nn

from attention import attend

CONFIG = {
    "base_dim": 16,
    "z_dim": 16,
    "dim_mult": [1, 2, 3, 3],
    "num_res_blocks": 1,
    "attn_scales": [],
    "temperal_downsample": [False, True, True],
    "dropout": 0.0,
}


class RmsNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(x.float().square().mean(dim=1, keepdim=True) + 1e-12)
        return (x * scale * self.gamma).to(x.dtype)


class ResidualBlock(nn.Module):
    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.norm1 = RmsNorm(in_dim)
        self.conv1 = nn.Conv2d(in_dim, out_dim, 3, padding=1)
        self.norm2 = RmsNorm(out_dim)
        self.conv2 = nn.Conv2d(out_dim, out_dim, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(in_dim, out_dim, 1) if in_dim != out_dim else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.conv2(F.silu(self.norm2(h))) + self.conv_shortcut(x)


class AttentionBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = RmsNorm(dim)
        self.to_qkv = nn.Conv2d(dim, dim * 3, 1)
        self.proj = nn.Conv2d(dim, dim, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        q, k, v = self.to_qkv(self.norm(x)).reshape(n, 1, 3 * c, h * w).transpose(2, 3).contiguous().chunk(3, dim=-1)
        y = attend(q, k, v).squeeze(1).transpose(1, 2).reshape(n, c, h, w)
        return self.proj(y) + x


class MidBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([AttentionBlock(dim)])
        self.resnets = nn.ModuleList([ResidualBlock(dim, dim), ResidualBlock(dim, dim)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Resample(nn.Module):
    def __init__(self, dim: int, up: bool) -> None:
        super().__init__()
        change = (
            [nn.Upsample(scale_factor=2.0, mode="nearest-exact"), nn.Conv2d(dim, dim // 2, 3, padding=1)]
            if up
            else [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(dim, dim, 3, stride=2)]
        )
        self.resample = nn.Sequential(*change)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resample(x)


class Encoder(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        dims = [config["base_dim"] * m for m in [1] + config["dim_mult"]]
        self.conv_in = nn.Conv2d(3, dims[0], 3, padding=1)
        blocks = []
        for level, (in_dim, out_dim) in enumerate(zip(dims[:-1], dims[1:])):
            for index in range(config["num_res_blocks"]):
                blocks.append(ResidualBlock(in_dim if index == 0 else out_dim, out_dim))
            if level < len(config["dim_mult"]) - 1:
                blocks.append(Resample(out_dim, up=False))
        self.down_blocks = nn.ModuleList(blocks)
        self.mid_block = MidBlock(dims[-1])
        self.norm_out = RmsNorm(dims[-1])
        self.conv_out = nn.Conv2d(dims[-1], 2 * config["z_dim"], 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(self.mid_block(x))))


class UpBlock(nn.Module):
    def __init__(self, in_dim: int, out_dim: int, count: int, up: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            [ResidualBlock(in_dim if index == 0 else out_dim, out_dim) for index in range(count)]
        )
        self.upsamplers = nn.ModuleList([Resample(out_dim, up=True)]) if up else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.resnets:
            x = block(x)
        return x if self.upsamplers is None else self.upsamplers[0](x)


class Decoder(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        mult = config["dim_mult"]
        dims = [config["base_dim"] * m for m in [mult[-1]] + mult[::-1]]
        self.conv_in = nn.Conv2d(config["z_dim"], dims[0], 3, padding=1)
        self.mid_block = MidBlock(dims[0])
        self.up_blocks = nn.ModuleList(
            [
                UpBlock(
                    in_dim if level == 0 else in_dim // 2, out_dim, config["num_res_blocks"] + 1, level < len(mult) - 1
                )
                for level, (in_dim, out_dim) in enumerate(zip(dims[:-1], dims[1:]))
            ]
        )
        self.norm_out = RmsNorm(dims[-1])
        self.conv_out = nn.Conv2d(dims[-1], 3, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.mid_block(self.conv_in(z))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class FlatVae(nn.Module):
    """Encoder and decoder; the normalisation of the latents is learned outside and folded in by `export`."""

    def __init__(self, config: dict = CONFIG) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.normal = nn.BatchNorm2d(config["z_dim"], affine=False, momentum=0.01)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [n, 3, h, w] in -1..1 to latents [n, 16, h/8, w/8], each channel of mean 0 and deviation 1."""
        return self.normal(self.encoder(x)[:, : self.config["z_dim"]].float())

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.decoder(z)


def export(flat: FlatVae, mean: list[float], std: list[float]) -> "AutoencoderKLQwenImage":  # noqa: F821
    """The real class with the same weights: last taps learned, the others zero. `mean` and `std` are of its latents."""
    from diffusers import AutoencoderKLQwenImage  # not needed where one only trains

    z = flat.config["z_dim"]
    real = AutoencoderKLQwenImage(**flat.config, latents_mean=mean, latents_std=std)
    learned = {name: value.float() for name, value in flat.state_dict().items() if not name.startswith("normal.")}
    state = real.state_dict()
    for name, target in state.items():
        target.zero_()
        if name in learned:
            value = learned[name]
            if target.ndim == 5 and target.shape[2] > 1:
                target[:, :, -1] = value
            else:
                target.copy_(value.reshape(target.shape))
    scale = torch.rsqrt(flat.normal.running_var.float() + flat.normal.eps)
    state["quant_conv.weight"][:z, :z, 0, 0, 0] = torch.diag(scale)
    state["quant_conv.bias"][:z] = -flat.normal.running_mean.float() * scale
    state["quant_conv.bias"][z:] = -6.0  # log variance of the posterior; its mode is what is used
    state["post_quant_conv.weight"][:, :, 0, 0, 0] = torch.eye(z)
    missing = set(learned) - set(state)
    assert not missing, missing
    real.load_state_dict(state)
    return real
