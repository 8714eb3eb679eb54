"""UNet2DModels of Hugging Face diffusers beside our program, for the tests that compare the two.

Leaves with exit code 77 (skipped) when DIFFUSE_PROGRAM is not set or a package is missing.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    import torch
    from diffusers import DDPMScheduler, UNet2DModel
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

torch.set_num_threads(1)
SMALL = dict(sample_size=8, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8,
             down_block_types=("DownBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "UpBlock2D"))
HO = dict(attention_head_dim=None, norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False,
          freq_shift=1)


def diffuse(*arguments, code=0):
    """Runs the program; returns what it says on stderr."""
    command = [os.environ["DIFFUSE_PROGRAM"], *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, f"{command}: {done.returncode}, {done.stderr}"
    return done.stderr


def build(settings, seed=0):
    """A model none of whose parts is idle: no weight starts at 0 or 1."""
    torch.manual_seed(seed)
    model = UNet2DModel(**settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


class PairTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def save(self, model, name="python", scheduler=None):
        path = self.folder / name
        model.save_pretrained(path)
        learned = model.config.out_channels == 2 * model.config.in_channels
        kind = "learned_range" if learned else "fixed_large"
        scheduler = scheduler or DDPMScheduler(clip_sample=False, variance_type=kind)
        scheduler.save_pretrained(path)
        return path

    def sample(self, path, x, *flags):
        """What the program makes of the noise x, computed on one thread."""
        numpy.save(self.folder / "x.npy", x.numpy())
        diffuse("sample", "--ckpt", path, "--noise", self.folder / "x.npy", "-o",
                self.folder / "out.npy", "--threads", 1, "--batch", len(x), *flags)
        return torch.from_numpy(numpy.load(self.folder / "out.npy"))

    def expect_equal(self, model, path, t=301, scale=1.0, steps=1000):
        """`model` in Python and `path` here agree at t, which the model sees as scale * t.

        One DDIM step from t to the end gives x_0, and x_0 gives the network's epsilon.
        """
        size = model.config.sample_size
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        channels = model.config.in_channels
        x = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(1))
        labels = torch.tensor([0, 1]) if model.class_embedding is not None else None
        with torch.no_grad():
            expected = model(x, torch.tensor(t * scale), labels).sample[:, :channels]
        self.assertGreater(expected.std().item(), 0.1)
        x0 = self.sample(path, x, "--sampler", "ddim", "--eta", 0, "--timesteps", t).double()
        kept = (1 - torch.linspace(1e-4, 0.02, steps, dtype=torch.double)).cumprod(0)[t]
        ours = (x.double() - kept.sqrt() * x0) / (1 - kept).sqrt()
        self.assertLess((ours - expected).abs().max().item(), 1e-4)
