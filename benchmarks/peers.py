#!/usr/bin/env python3
"""Time training and sampling steps of diffuse and its Python peers, interleaved.

    python benchmarks/peers.py --diffuse build/release/diffuse --rounds 5

Peers: Hugging Face diffusers, the same by torch.compile, and lucidrains'
denoising-diffusion-pytorch, whose network is another one. All run on the same LibTorch, threads,
batch and precision (float32, or bfloat16 by autocast), on random data, on the CPU or, with --device
cuda, on one GPU. Each round runs each program once in a process of its own; the table has medians and
ranges over rounds, and the ratio of each round's pair. Before it stand the processor, how wide its
vectors are, or the GPU, and versions. Memory is the process's on the CPU, that of LibTorch's tensors
on a GPU. --whole times whole commands of diffuse instead: training steps per second, and sampling. A training
step is loss, backward, clipping, Adam and the moving average of the weights. Wants PyTorch and the
peers; the compiler's time is in that of the first step.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from commands import sample_rates

# name -> (our model section, batch on the CPU, on a GPU); the peer's UNet2DModel has the same sizes
MODELS = {
    "cifar": ({"channels": 128, "channel_multipliers": [1, 2, 2, 2], "blocks_per_level": 2,
               "attention_resolutions": [16], "norm_groups": 32, "dropout": 0.1,
               "sample_shape": [3, 32, 32]}, 4, 128),
    "mnist": ({"channels": 32, "channel_multipliers": [1, 2, 2], "blocks_per_level": 1,
               "attention_resolutions": [7], "norm_groups": 8, "dropout": 0.0,
               "sample_shape": [1, 28, 28]}, 64, 64),
}


def processor(device):
    """The GPU, or the CPU's name, cores and the widest vectors and matrices that it multiplies."""
    if device == "cuda":
        import torch

        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    name, flags = platform.processor() or platform.machine(), []
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            name = value if key == "model name" else name
            flags = value.split() if key in ("flags", "Features") else flags
    widths = {"avx512f": "AVX-512", "avx2": "AVX2", "sve": "SVE", "asimd": "NEON"}
    able = [next((width for flag, width in widths.items() if flag in flags), "no wide vectors")]
    able += [title for flag, title in (("avx512_bf16", "bf16"), ("amx_bf16", "AMX")) if flag in flags]
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {', '.join(able)}"


def versions(program, peers):
    """Of diffuse with what it multiplies by, LibTorch, and the peers' packages."""
    lines = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    packages = {"diffusers": "diffusers", "compiled": "diffusers",
                "lucidrains": "denoising-diffusion-pytorch"}
    names = ["torch", *sorted({packages[peer] for peer in peers})]
    return [line for line in lines.splitlines() if not line.startswith("CUDA")] + [
        f"{name} {importlib.metadata.version(name)}" for name in names]


def ours(program, model, batch, seconds, precision, device):
    """Seconds of a training and a sampling step, and peak memory in bytes."""
    config = json.dumps({"model": {"type": "unet", "attention_heads": 1, **model},
                         "train": {"batch_size": batch, "warmup_steps": 0, "precision": precision}})
    done = subprocess.run(
        [program, "bench", "--config", "/dev/stdin", "--seconds", str(seconds), "--json", "-",
         "--device", device, "-q"], input=config, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    ready, start = start_of_ours(program, model, batch, precision, device)
    return {"ready": ready, "start": start, "train": found["train_step_ms"] / 1e3,
            "sample": found["sample_step_ms"] / 1e3,
            "memory": found["peak_memory_bytes" if device == "cpu" else "train_memory_bytes"]}


def start_of_ours(program, model, batch, precision, device):
    """Seconds from the call of a training run to the beginning and to the end of its first step."""
    channels, side, _ = model["sample_shape"]
    config = {"data": {"type": "shapes", "image_size": side, "channels": channels, "count": 100},
              "model": {key: value for key, value in model.items() if key != "sample_shape"},
              "train": {"batch_size": batch, "log_every": 1, "steps": 1000,
                        "precision": precision}}
    with tempfile.TemporaryDirectory() as folder:
        metrics = pathlib.Path(folder) / "run" / "metrics.jsonl"
        begin = time.monotonic()
        command = [program, "train", "--config", "/dev/stdin", "--out", metrics.parent, "--device",
                   device, "-q"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as run:
            run.stdin.write(json.dumps(config))
            run.stdin.close()
            ready = None  # the metrics file is created right before the first step
            while run.poll() is None and not (metrics.exists() and metrics.stat().st_size):
                if ready is None and metrics.exists():
                    ready = time.monotonic() - begin
                time.sleep(0.005)
            start = time.monotonic() - begin
            run.kill()
        return ready or start, start


def whole_commands(program, device):
    """Rows of whole commands: data, logging, start and writing included."""
    def seconds(*arguments):
        begin = time.monotonic()
        subprocess.run([program, *arguments, "--device", device, "-q"], check=True,
                       stdout=subprocess.DEVNULL)
        return time.monotonic() - begin

    print("| command | diffuse |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = pathlib.Path(os.environ.get("DIFFUSE_DATA", "data")) / "mnist"
        if data.exists():
            run = folder / "mnist"
            seconds("train", "--config", "configs/mnist.json", "--set", "train.steps=3000", "--set",
                    "train.log_every=500", "--set", "train.eval_every=0", "--set",
                    "train.sample_every=0", "--out", run)
            print(f"| `train --config configs/mnist.json`, steps/s | {sample_rates(run)[-1] / 64:.0f} |",
                  flush=True)
        else:
            print(f"| `train --config configs/mnist.json`, steps/s | no data in {data} |")
        run = folder / "cifar"
        seconds("train", "--config", "configs/cifar.json", "--set", "data.type=shapes", "--set",
                "data.image_size=32", "--set", "data.channels=3", "--set", "data.count=100", "--set",
                "data.horizontal_flip=false", "--set", "train.steps=0", "--out", run)
        for count, sampler, steps in ((64, "ddim", 50), (128, "ddpm", 1000)):
            took = seconds("sample", "--ckpt", run / "model.pt", "-n", str(count), "--batch", str(count),
                           "--sampler", sampler, "--steps", str(steps), "--precision", "auto", "-o",
                           folder / "samples.npz")
            print(f"| {count} samples by {sampler} in {steps} steps, s | {took:.1f} |", flush=True)


def repeat(seconds, step, wait):
    step()
    wait()
    begin, count = time.monotonic(), 0
    while count < 3 or time.monotonic() - begin < seconds:
        step()
        count += 1
        if count % 10 == 0:
            wait()
    wait()
    return (time.monotonic() - begin) / count


def diffusers_unet(model):
    """The same network in diffusers: eps(x, t)."""
    from diffusers import UNet2DModel

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
    return unet, lambda x, t: unet(x, t).sample


def lucidrains_unet(model):
    """The nearest network in denoising-diffusion-pytorch: two blocks and attention at every level."""
    from denoising_diffusion_pytorch import Unet

    channels, height, _ = model["sample_shape"]
    heights = [height >> i for i in range(len(model["channel_multipliers"]))]
    unet = Unet(dim=model["channels"], dim_mults=model["channel_multipliers"], channels=channels,
                dropout=model["dropout"], flash_attn=True,
                full_attn=[h in model["attention_resolutions"] for h in heights])
    return unet, unet


def compiled_unet(model):
    import torch

    unet, epsilon = diffusers_unet(model)
    return unet, torch.compile(epsilon)


PEERS = {"diffusers": diffusers_unet, "compiled": compiled_unet, "lucidrains": lucidrains_unet}


def peer(name, model, batch, seconds, precision, device, called):
    """The same of a peer, in this process, which was called at the time `called`."""
    import resource

    import torch
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    unet, network = PEERS[name](model)
    unet.to(device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def epsilon(x, t):
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            return network(x, t).float()

    scheduler = DDPMScheduler(1000)
    adam = torch.optim.Adam(unet.parameters(), lr=2e-4)
    ema = EMAModel(unet.parameters(), decay=0.9999)
    x0 = torch.rand(batch, *model["sample_shape"], device=device) * 2 - 1

    def train():
        eps, t = torch.randn_like(x0), torch.randint(0, 1000, (batch,), device=device)
        loss = (epsilon(scheduler.add_noise(x0, eps, t), t) - eps).square().mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        adam.step()
        ema.step(unet.parameters())

    if device == "cuda":
        ema.to(device)
    ready = time.monotonic() - called
    train()
    wait()
    found = {"ready": ready, "start": time.monotonic() - called,
             "train": repeat(seconds, train, wait)}
    unet.eval()
    t = torch.full((batch,), 500, device=device)
    with torch.no_grad() if name == "compiled" else torch.inference_mode():
        found["sample"] = repeat(seconds, lambda: scheduler.step(epsilon(x0, t), 500, x0), wait)
    found["memory"] = (torch.cuda.max_memory_allocated() if device == "cuda" else
                       resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    found["parameters"] = sum(p.numel() for p in unet.parameters())
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
    parser.add_argument("--peers", nargs="+", default=["diffusers"], choices=PEERS)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--whole", action="store_true", help="time whole commands of diffuse")
    parser.add_argument("--one", nargs=3, metavar=("PEER", "MODEL", "CALLED"),
                        help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, model, called = options.one
        config, *batches = MODELS[model]
        print(json.dumps(peer(name, config, batches[options.device == "cuda"], options.seconds,
                              options.precision, options.device, float(called))))
        return
    if options.whole:
        whole_commands(options.diffuse, options.device)
        return
    print(f"{processor(options.device)}; {'; '.join(versions(options.diffuse, options.peers))}; "
          f"{options.precision}\n")
    print("| model, batch | peer | | diffuse | peer | peer / diffuse |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for name in options.models:
        model, *batches = MODELS[name]
        batch = batches[options.device == "cuda"]
        rounds = []
        for _ in range(options.rounds):
            rounds.append({"diffuse": ours(options.diffuse, model, batch, options.seconds,
                                            options.precision, options.device)})
            for other in options.peers:
                command = [sys.executable, __file__, "--seconds", str(options.seconds),
                           "--precision", options.precision, "--device", options.device, "--one",
                           other, name, str(time.monotonic())]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                rounds[-1][other] = json.loads(done.stdout.splitlines()[-1])
        for other in options.peers:
            for figure, title, unit in (("ready", "from call to first step, s", 1),
                                        ("start", "from call to end of first step, s", 1),
                                        ("train", "training step, ms", 1e3),
                                        ("sample", "sampling step, ms", 1e3),
                                        ("memory", "peak memory, MB", 1 / 2**20)):
                mine = [r["diffuse"][figure] * unit for r in rounds]
                theirs = [r[other][figure] * unit for r in rounds]
                ratio = spread([b / a for a, b in zip(mine, theirs)], 2)
                digits = 1 if unit == 1 else 0
                print(f"| {name}, {batch} | {other} | {title} | {spread(mine, digits)} | "
                      f"{spread(theirs, digits)} | {ratio} |", flush=True)
            print(f"{name}, {other}: {rounds[0][other]['parameters']} parameters", file=sys.stderr)


if __name__ == "__main__":
    main()
