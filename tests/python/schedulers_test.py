"""Whole trajectories of Hugging Face diffusers' schedulers come out of the program, for a UNet2DModel
that Python saved and the noise that the program draws.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or a package
is missing.
"""

import pathlib
import sys
import unittest
from unittest import mock

import diffusers
from unet_pairs import HO, SMALL, DDPMScheduler, PairTest, build, diffuse, torch

from diffusers import (DDIMPipeline, DDIMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler,
                       UniPCMultistepScheduler)

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "reference"))
from random_stream import normals  # noqa: E402

SAMPLE_STEP = 10  # core/random.h, Purpose::kSampleStep


def noise(t, shape, seed=0):
    """What the program adds at timestep t to images 0, 1, ..."""
    width = shape[1] * shape[2] * shape[3]
    rows = [normals(seed, SAMPLE_STEP, image, t, width) for image in range(shape[0])]
    return torch.tensor(rows, dtype=torch.float32).reshape(shape)


# Of the same chain, drawn here by ddpm.
OTHERS = ("DDIMInverseScheduler", "PNDMScheduler", "DEISMultistepScheduler",
          "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler",
          "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler", "RePaintScheduler")
# Of other processes, or of distilled models.
FOREIGN = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "FlowMatchEulerDiscreteScheduler",
           "FlowMatchHeunDiscreteScheduler", "ScoreSdeVeScheduler", "CMStochasticIterativeScheduler",
           "LCMScheduler", "IPNDMScheduler")


class SchedulersTest(PairTest):
    def setUp(self):
        super().setUp()
        self.model = build(dict(SMALL, **HO))
        self.x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))

    def epsilon(self, x, t):
        with torch.no_grad():
            return self.model(x, t).sample

    def expect_sample(self, expected, path, *flags, within=1e-4):
        error = (self.sample(path, self.x, *flags) - expected).abs().max().item()
        self.assertLess(error, within * expected.abs().max().item())

    def trajectory(self, scheduler, steps):
        scheduler.set_timesteps(steps)
        x = self.x * scheduler.init_noise_sigma
        noisy = scheduler.config.get("algorithm_type", "").startswith("sde-")
        for t in scheduler.timesteps:
            output = self.epsilon(scheduler.scale_model_input(x, t), t)
            drawn = {"variance_noise": noise(int(t), x.shape)} if noisy else {}
            x = scheduler.step(output, t, x, **drawn).prev_sample
        return x

    def test_ddim_gives_the_pipelines_pictures(self):
        for settings in (dict(), dict(timestep_spacing="trailing"), dict(clip_sample=False),
                         dict(clip_sample_range=2.0), dict(steps_offset=1, set_alpha_to_one=False),
                         dict(thresholding=True), dict(thresholding=True, sample_max_value=1.5),
                         dict(prediction_type="v_prediction", rescale_betas_zero_snr=True,
                              timestep_spacing="trailing"),
                         dict(prediction_type="sample", beta_schedule="scaled_linear")):
            with self.subTest(settings):
                scheduler = DDIMScheduler(**settings)
                path = self.save(self.model, "ddim", scheduler)
                with mock.patch("diffusers.pipelines.ddim.pipeline_ddim.randn_tensor",
                                lambda *_, **__: self.x):
                    pipeline = DDIMPipeline(self.model, scheduler)
                    pipeline.set_progress_bar_config(disable=True)
                    theirs = pipeline(2, num_inference_steps=10, output_type="np").images
                diffuse("convert", path, self.folder / "model.pt")
                ours = self.sample(self.folder / "model.pt", self.x, "--steps", 10)
                ours = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
                self.assertLess((ours - torch.from_numpy(theirs)).abs().max().item(), 5e-4)

    def test_ddim_from_the_clipped_epsilon(self):
        scheduler = DDIMScheduler()
        path, x = self.save(self.model, "clipped", scheduler), self.x
        scheduler.set_timesteps(10)
        for t in scheduler.timesteps:
            x = scheduler.step(self.epsilon(x, t), t, x, use_clipped_model_output=True).prev_sample
        self.expect_sample(x, path, "--steps", 10, "--ddim-epsilon", "clipped")

    def test_the_solvers(self):
        for scheduler in (DPMSolverMultistepScheduler(),
                          DPMSolverMultistepScheduler(timestep_spacing="leading", steps_offset=1),
                          DPMSolverMultistepScheduler(timestep_spacing="trailing",
                                                      prediction_type="v_prediction",
                                                      rescale_betas_zero_snr=True),
                          DPMSolverMultistepScheduler(solver_order=1, thresholding=True),
                          DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"),
                          DPMSolverMultistepScheduler(thresholding=True, sample_max_value=2.0),
                          UniPCMultistepScheduler(),
                          UniPCMultistepScheduler(solver_order=3, timestep_spacing="leading",
                                                  steps_offset=1),
                          UniPCMultistepScheduler(prediction_type="v_prediction",
                                                  timestep_spacing="trailing", thresholding=True),
                          HeunDiscreteScheduler(beta_start=1e-4, beta_end=0.02),
                          HeunDiscreteScheduler(beta_schedule="exp", clip_sample=True)):
            with self.subTest(scheduler.config):
                path = self.save(self.model, "solver", scheduler)
                # Without signal at the end, theirs has 2^-24 of it.
                self.expect_sample(self.trajectory(scheduler, 10), path, "--steps", 10, within=1e-3)

    def test_says_what_of_a_solver_has_no_counterpart(self):
        for key, value in (("solver_order", 3), ("solver_type", "heun"), ("use_karras_sigmas", True),
                           ("use_lu_lambdas", True), ("lambda_min_clipped", -5.1),
                           ("final_sigmas_type", "sigma_min"), ("use_exponential_sigmas", True)):
            scheduler = DPMSolverMultistepScheduler(**{key: value})
            path = self.save(self.model, "solver", scheduler)
            said = diffuse("convert", path, self.folder / "model.pt")
            self.assertEqual(said.count("scheduler_config.json: /"), 1, said)
            self.assertIn(f"scheduler_config.json: /{key}: ", said)

    def test_every_scheduler_of_the_chain_is_read_and_others_are_refused(self):
        for name in OTHERS + FOREIGN:
            with self.subTest(name):
                path = self.save(self.model, "other", getattr(diffusers, name)())
                code = 2 if name in FOREIGN else 0
                said = diffuse("sample", "--ckpt", path, "-n", 1, "--steps", 2, "-o",
                               self.folder / "x.png", code=code)
                self.assertEqual(said.count("scheduler_config.json: /"), 1, said)
                self.assertIn("scheduler_config.json: /_class_name: ", said)

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
