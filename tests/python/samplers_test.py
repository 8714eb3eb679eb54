"""`diffuse sample --noise` number by number against the schedulers of diffusers, on the network that
is exact for data N(0, 0.25): the same x_T and, where a step draws noise, the same noise. The samples
are images of one channel, as points are never clipped."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

PROGRAM = os.environ.get("DIFFUSE_PROGRAM")
try:
    import diffusers
    import numpy as np
    import torch
except ImportError:
    diffusers = None
if not PROGRAM or diffusers is None:
    print("skipped: wants DIFFUSE_PROGRAM, diffusers, numpy and torch")
    sys.exit(77)
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "reference"))
from random_stream import normals  # noqa: E402

STEP_NOISE = 10  # purpose of the stream of a reverse step's noise
VARIANCE = 0.25
ALPHA_BAR = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
SHAPE = (2, 1, 4, 4)
X_T = torch.from_numpy(np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32))
LINEAR = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}


def eps(x, t):
    alpha_bar = ALPHA_BAR[int(t)]
    return (x.double() * (1 - alpha_bar).sqrt() / (alpha_bar * VARIANCE + 1 - alpha_bar)).float()


def noise(t):
    rows = [normals(0, STEP_NOISE, i, int(t), 16) for i in range(SHAPE[0])]
    return torch.tensor(rows).view(SHAPE)


def ours(folder, variance="fixed_small", clip=False, **flags):
    config = {"model": {"type": "gaussian_oracle", "variance": VARIANCE},
              "data": {"type": "shapes", "image_size": 4, "channels": 1, "count": 8},
              "diffusion": {"variance": variance}, "sample": {"clip_x0": clip}}
    path = {name: os.path.join(folder, name) for name in ("oracle.json", "noise.npy", "x.npy")}
    with open(path["oracle.json"], "w", encoding="utf-8") as file:
        json.dump(config, file)
    np.save(path["noise.npy"], X_T.numpy())
    command = [PROGRAM, "sample", "--ckpt", path["oracle.json"], "--noise", path["noise.npy"],
               "-o", path["x.npy"], "--device", "cpu", "-q"]
    for name, value in flags.items():
        command += ["--" + name, str(value)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return np.load(path["x.npy"])


def theirs(scheduler, steps, noisy=False):
    """The scheduler's own loop; noise drawn inside its step comes from our streams."""
    scheduler.set_timesteps(steps)
    x = X_T.clone()
    for t in scheduler.timesteps:
        module = sys.modules[type(scheduler).__module__].__name__
        with mock.patch(f"{module}.randn_tensor", lambda *_, t=t, **__: noise(t)) if noisy \
                else mock.patch.dict({}):
            x = scheduler.step(eps(x, t), t, x).prev_sample
    return x.numpy()


class Samplers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def check(self, mine, peer):
        self.assertLess(np.abs(mine - peer).max(), 1e-4)
        self.assertGreater(np.abs(peer).max(), 0.1)

    def test_ddpm(self):
        for variance, clip, steps in (("fixed_small", False, 1000), ("fixed_large", True, 1000),
                                      ("fixed_small", True, 50), ("fixed_large", False, 20)):
            with self.subTest(variance=variance, clip=clip, steps=steps):
                peer = diffusers.DDPMScheduler(variance_type=variance, clip_sample=clip, **LINEAR)
                self.check(ours(self.folder.name, variance, clip, sampler="ddpm", steps=steps),
                           theirs(peer, steps, noisy=True))

    def test_ddim(self):
        for clip, steps in ((False, 1000), (True, 1000), (False, 50), (True, 10)):
            with self.subTest(clip=clip, steps=steps):
                peer = diffusers.DDIMScheduler(clip_sample=clip, **LINEAR)
                self.check(ours(self.folder.name, clip=clip, sampler="ddim", steps=steps),
                           theirs(peer, steps))

    def test_dpmpp2m(self):
        for steps in (10, 20, 100):
            with self.subTest(steps=steps):
                peer = diffusers.DPMSolverMultistepScheduler(timestep_spacing="trailing", **LINEAR)
                self.check(ours(self.folder.name, sampler="dpmpp2m", steps=steps),
                           theirs(peer, steps))

    def test_dpmpp2m_sde(self):
        for steps in (10, 50):
            with self.subTest(steps=steps):
                peer = diffusers.DPMSolverMultistepScheduler(
                    algorithm_type="sde-dpmsolver++", timestep_spacing="trailing", **LINEAR)
                self.check(ours(self.folder.name, sampler="dpmpp2m-sde", steps=steps),
                           theirs(peer, steps, noisy=True))

    def test_unipc(self):
        for order, steps in ((2, 10), (3, 10), (2, 50), (3, 50)):
            with self.subTest(order=order, steps=steps):
                peer = diffusers.UniPCMultistepScheduler(
                    solver_order=order, timestep_spacing="trailing", **LINEAR)
                self.check(ours(self.folder.name, sampler="unipc", steps=steps,
                                **{"unipc-order": order}), theirs(peer, steps))

    def test_heun(self):
        peer = diffusers.HeunDiscreteScheduler(timestep_spacing="trailing", **LINEAR)
        for steps in (10, 20, 100):
            with self.subTest(steps=steps):
                peer.set_timesteps(steps)
                x = X_T / ALPHA_BAR[999].sqrt()  # x_sigma
                for t in peer.timesteps:
                    x_t = x * ALPHA_BAR[int(t)].sqrt()
                    x = peer.step(eps(x_t, t), t, x).prev_sample
                self.check(ours(self.folder.name, sampler="heun", steps=steps, spacing="trailing"),
                           x.numpy())


if __name__ == "__main__":
    unittest.main()
