"""Time training and sampling steps of diffuse and of Hugging Face diffusers, in turn, in one run.

    python benchmarks/peers.py --diffuse build/release/diffuse --rounds 5

Both run on the same LibTorch, threads, model, batch and precision (float32), on random data. Each
round runs each program once in a process of its own; the table has medians and ranges over rounds,
and the ratio of each round's pair. A training step is loss, backward, clipping, Adam and the moving
average of the weights. Wants PyTorch and diffusers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# name -> (our model section, batch); the peer's UNet2DModel is made from the same numbers
MODELS = {
    "cifar": ({"channels": 128, "channel_multipliers": [1, 2, 2, 2], "blocks_per_level": 2,
               "attention_resolutions": [16], "norm_groups": 32, "dropout": 0.1,
               "sample_shape": [3, 32, 32]}, 4),
    "mnist": ({"channels": 32, "channel_multipliers": [1, 2, 2], "blocks_per_level": 1,
               "attention_resolutions": [7], "norm_groups": 8, "dropout": 0.0,
               "sample_shape": [1, 28, 28]}, 64),
}


def ours(program, model, batch, seconds):
    """Seconds of a training and a sampling step, and peak memory in bytes."""
    config = json.dumps({"model": {"type": "unet", "attention_heads": 1, **model},
                         "train": {"batch_size": batch, "warmup_steps": 0}})
    done = subprocess.run(
        [program, "bench", "--config", "/dev/stdin", "--seconds", str(seconds), "--json", "-",
         "--device", "cpu", "-q"], input=config, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {"train": found["train_step_ms"] / 1e3, "sample": found["sample_step_ms"] / 1e3,
            "memory": found["peak_memory_bytes"]}


def repeat(seconds, step):
    step()
    begin, count = time.monotonic(), 0
    while count < 3 or time.monotonic() - begin < seconds:
        step()
        count += 1
    return (time.monotonic() - begin) / count


def peer(model, batch, seconds):
    """The same of diffusers, in this process."""
    import resource

    import torch
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.training_utils import EMAModel

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    channels, height, width = model["sample_shape"]
    heights = [height >> i for i in range(len(model["channel_multipliers"]))]
    attends = [h in model["attention_resolutions"] for h in heights]
    unet = UNet2DModel(
        sample_size=(height, width), in_channels=channels, out_channels=channels,
        block_out_channels=[model["channels"] * m for m in model["channel_multipliers"]],
        layers_per_block=model["blocks_per_level"], dropout=model["dropout"],
        norm_num_groups=model["norm_groups"], norm_eps=1e-6, attention_head_dim=None,
        downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        down_block_types=["AttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        up_block_types=["AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)])
    scheduler = DDPMScheduler(1000)
    adam = torch.optim.Adam(unet.parameters(), lr=2e-4)
    ema = EMAModel(unet.parameters(), decay=0.9999)
    x0 = torch.rand(batch, channels, height, width) * 2 - 1

    def train():
        eps, t = torch.randn_like(x0), torch.randint(0, 1000, (batch,))
        loss = (unet(scheduler.add_noise(x0, eps, t), t).sample - eps).square().mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        adam.step()
        ema.step(unet.parameters())

    found = {"train": repeat(seconds, train)}
    unet.eval()
    with torch.inference_mode():
        found["sample"] = repeat(seconds, lambda: scheduler.step(unet(x0, 500).sample, 500, x0))
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


def spread(values, digits):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f} to {max(values):.{digits}f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default="build/release/diffuse")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each step in a round")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--peer", metavar="MODEL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(peer(*MODELS[options.peer], options.seconds)))
        return
    print("| model, batch | | diffuse | diffusers | diffusers / diffuse |\n| --- | --- | --- | --- | --- |")
    for name in options.models:
        model, batch = MODELS[name]
        pairs = []
        for _ in range(options.rounds):
            mine = ours(options.diffuse, model, batch, options.seconds)
            command = [sys.executable, __file__, "--peer", name, "--seconds", str(options.seconds)]
            theirs = json.loads(subprocess.run(command, capture_output=True, text=True,
                                               check=True).stdout.splitlines()[-1])
            pairs.append((mine, theirs))
        for figure, title, unit in (("train", "training step, ms", 1e3),
                                    ("sample", "sampling step, ms", 1e3),
                                    ("memory", "peak memory, MB", 1 / 2**20)):
            columns = [spread([pair[i][figure] * unit for pair in pairs], 0) for i in (0, 1)]
            ratio = spread([theirs[figure] / mine[figure] for mine, theirs in pairs], 2)
            print(f"| {name}, {batch} | {title} | {columns[0]} | {columns[1]} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
