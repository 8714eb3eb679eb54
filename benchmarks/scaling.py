#!/usr/bin/env python3
"""Scaling with resolution, channels and batch, as Markdown tables on stdout.

    python benchmarks/scaling.py --diffuse build/release/diffuse --rounds 3

Every figure is the median of `diffuse bench` over the rounds; each round runs all rows. The base is a UNet
of 32 channels, [1, 2, 2], one block per level, attention at a quarter of the height, on 32 x 32 colour
images in batches of 16; each table varies one number.
"""

import argparse
import json
import statistics
import subprocess


def config(size=32, channels=32, batch=16, checkpointing=False):
    return {"model": {"channels": channels, "channel_multipliers": [1, 2, 2], "blocks_per_level": 1,
                      "attention_resolutions": [size // 4], "norm_groups": 8, "dropout": 0,
                      "sample_shape": [3, size, size]},
            "train": {"batch_size": batch, "warmup_steps": 0,
                      "gradient_checkpointing": checkpointing}}


TABLES = {
    "image side": {n: config(size=n) for n in (16, 32, 64, 128)},
    "channels": {n: config(channels=n) for n in (16, 32, 64, 128)},
    "batch": {n: config(batch=n) for n in (1, 4, 16, 64)},
    "batch, gradient_checkpointing": {n: config(batch=n, checkpointing=True)
                                      for n in (1, 4, 16, 64)},
}


def bench(program, settings, seconds):
    done = subprocess.run([program, "bench", "--config", "/dev/stdin", "--seconds", str(seconds),
                           "--json", "-", "-q"], input=json.dumps(settings), stdout=subprocess.PIPE,
                          text=True, check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default="build/release/diffuse")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each kind of step")
    options = parser.parse_args()
    found = {}
    for _ in range(options.rounds):
        for table, rows in TABLES.items():
            for n, settings in rows.items():
                result = bench(options.diffuse, settings, options.seconds)
                found.setdefault((table, n), []).append(result)

    for table, rows in TABLES.items():
        print(f"\n| {table} | GFLOP a training step | training step, ms | GFLOP/s | sampling step, ms "
              "| training memory, MB |\n| --- | --- | --- | --- | --- | --- |")
        for n in rows:
            figures = found[table, n]
            median = {key: statistics.median(f[key] for f in figures) for key in figures[0]
                      if key != "phase_ms"}
            print(f"| {n} | {median['train_gflop']:.1f} | {median['train_step_ms']:.0f} "
                  f"| {median['achieved_gflops']:.0f} | {median['sample_step_ms']:.1f} "
                  f"| {median['train_memory_bytes'] / 2**20:.0f} |")


if __name__ == "__main__":
    main()
