"""Reference values for tests/model/unet_test.cpp from Hugging Face diffusers (0.42) on PyTorch.

    python tests/reference/unet_reference.py names > tests/reference/unet_ho_state_dict.txt
    python tests/reference/unet_reference.py values

`names`: parameter names and shapes of Ho et al.'s CIFAR-10 UNet, sorted by name.
`values`: outputs of small variants whose weights and inputs follow a formula, and time embeddings.
"""

import math
import sys

import torch
from diffusers import UNet2DModel
from diffusers.models.embeddings import get_timestep_embedding


def unet(attention_levels, multipliers, channels=32, **options):
    """Our ModelConfig in diffusers' words; `attention_levels` counts from full resolution."""
    down = ["AttnDownBlock2D" if i in attention_levels else "DownBlock2D"
            for i in range(len(multipliers))]
    up = [name.replace("Down", "Up") for name in reversed(down)]
    settings = dict(
        sample_size=16, in_channels=3, out_channels=3, layers_per_block=2,
        block_out_channels=[channels * m for m in multipliers], down_block_types=down,
        up_block_types=up, attention_head_dim=None, norm_num_groups=8, norm_eps=1e-6,
        downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)
    return UNet2DModel(**{**settings, **options})


HO = dict(sample_size=32, norm_num_groups=32)
VARIANTS = {
    "ho": lambda: unet([1], [1, 2]),
    # attn_norm_num_groups: without it diffusers leaves the middle attention's norm out
    "improved": lambda: unet([1], [1, 2], resnet_time_scale_shift="scale_shift",
                             attn_norm_num_groups=8, flip_sin_to_cos=True, freq_shift=0,
                             downsample_padding=1, out_channels=6),
    "conditional": lambda: unet([0], [1, 1], num_class_embeds=11),
    "heads": lambda: unet([0, 1], [1, 1], attention_head_dim=8, in_channels=1, out_channels=1),
}


def fill(model):
    """Parameter k in order of name, element i: sin(0.7 k + 0.013 i) / sqrt(fan_in).

    Norm weights are 1 + 0.1 of that.
    """
    with torch.no_grad():
        for k, (name, p) in enumerate(sorted(model.named_parameters())):
            i = torch.arange(p.numel(), dtype=torch.float64)
            values = torch.sin(0.7 * k + 0.013 * i) / math.sqrt(p[0].numel())
            if "norm" in name and name.endswith("weight"):
                values = 1 + 0.1 * values
            p.copy_(values.reshape(p.shape))


def names():
    model = unet([1], [1, 2, 2, 2], channels=128, **HO)
    for name, p in sorted(model.named_parameters()):
        print(name, *p.shape)


def values():
    for name, build in VARIANTS.items():
        model = build().eval()
        fill(model)
        c = model.config.in_channels
        x = torch.sin(0.37 * torch.arange(2 * c * 16 * 16, dtype=torch.float64)).float()
        x = x.reshape(2, c, 16, 16)
        labels = torch.tensor([3, 10]) if model.class_embedding is not None else None
        with torch.no_grad():
            out = model(x, torch.tensor([7, 801]), labels).sample.flatten()
        picks = [0, 100, 255, out.numel() // 2 + 17, out.numel() - 1]
        print(name, sum(p.numel() for p in model.parameters()), f"std {out.std():.4f}",
              [round(out[i].item(), 5) for i in picks])
    t = torch.tensor([0, 7, 999])
    for flip, shift in ((False, 1), (True, 0)):
        print(f"embedding flip={flip} shift={shift}",
              get_timestep_embedding(t, 8, flip_sin_to_cos=flip, downscale_freq_shift=shift))


if __name__ == "__main__":
    torch.set_printoptions(precision=7)
    {"names": names, "values": values}[sys.argv[1]]()
