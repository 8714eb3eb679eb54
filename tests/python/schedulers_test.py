"""Whole trajectories of Hugging Face diffusers' DDPM and DDIM schedulers come out of the program, for
a UNet2DModel that Python saved and the noise that the program draws.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or a package
is missing.
"""

import pathlib
import sys
import unittest
from unittest import mock

from unet_pairs import HO, SMALL, DDPMScheduler, PairTest, build, torch

from diffusers import DDIMScheduler

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "reference"))
from random_stream import normals  # noqa: E402

SAMPLE_STEP = 10  # core/random.h, Purpose::kSampleStep


def noise(t, shape, seed=0):
    """What the program adds at timestep t to images 0, 1, ..."""
    width = shape[1] * shape[2] * shape[3]
    rows = [normals(seed, SAMPLE_STEP, image, t, width) for image in range(shape[0])]
    return torch.tensor(rows, dtype=torch.float32).reshape(shape)


def ddim_step(scheduler, epsilon, t, following, sample, clip):
    """[Song21] eq. 12 at eta 0, from the scheduler's own table."""
    kept = scheduler.alphas_cumprod
    now, then = kept[t], kept[following] if following >= 0 else torch.tensor(1.0)
    x0 = (sample - (1 - now).sqrt() * epsilon) / now.sqrt()
    if clip:
        x0 = x0.clamp(-1, 1)
        epsilon = (sample - now.sqrt() * x0) / (1 - now).sqrt()
    return then.sqrt() * x0 + (1 - then).sqrt() * epsilon


class SchedulersTest(PairTest):
    def setUp(self):
        super().setUp()
        self.model = build(dict(SMALL, **HO))
        self.x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))

    def epsilon(self, x, t):
        with torch.no_grad():
            return self.model(x, t).sample

    def expect_sample(self, expected, path, *flags):
        error = (self.sample(path, self.x, *flags) - expected).abs().max().item()
        self.assertLess(error, 1e-4 * expected.abs().max().item())

    def test_ddim(self):
        for clip, theirs in ((True, "leading"), (False, "trailing"), (True, "linspace")):
            with self.subTest(theirs):
                scheduler = DDIMScheduler(clip_sample=clip, timestep_spacing=theirs)
                scheduler.set_timesteps(10)
                path, x = self.save(self.model, theirs, scheduler), self.x
                # The scheduler's own "previous" is t - T / S, right for leading alone.
                following = [*scheduler.timesteps.tolist()[1:], -1]
                for t, then in zip(scheduler.timesteps, following):
                    x = ddim_step(scheduler, self.epsilon(x, t), t, then, x, clip)
                self.expect_sample(x, path, "--steps", 10)

    def test_ddpm(self):
        for variance in ("fixed_large", "fixed_small"):
            with self.subTest(variance):
                scheduler = DDPMScheduler(num_train_timesteps=25, beta_end=0.3, variance_type=variance)
                path, x = self.save(self.model, variance, scheduler), self.x
                for t in range(24, -1, -1):
                    drawn = noise(t, x.shape)
                    with mock.patch("diffusers.schedulers.scheduling_ddpm.randn_tensor",
                                    lambda *_, **__: drawn):
                        x = scheduler.step(self.epsilon(x, t), t, x).prev_sample
                self.expect_sample(x, path)


if __name__ == "__main__":
    unittest.main()
