"""Prints the values of tests/sample/unipc_test.cpp: diffusers' UniPCMultistepScheduler (bh2) on the linear
schedule of 1000 timesteps, with a network that is no one's exact answer.
Usage: unipc_reference.py"""
import diffusers
import torch

for order in (2, 3):
    for steps in (4, 8):
        scheduler = diffusers.UniPCMultistepScheduler(
            beta_start=1e-4, beta_end=0.02, beta_schedule="linear", solver_order=order,
            solver_type="bh2", timestep_spacing="trailing")
        scheduler.set_timesteps(steps)
        x = torch.tensor([[0.7, -1.3]], dtype=torch.float64)
        for t in scheduler.timesteps:
            x = scheduler.step((x + t / 500).sin(), t, x).prev_sample
        print(order, steps, [int(t) for t in scheduler.timesteps], x.tolist())
