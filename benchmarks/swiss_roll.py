#!/usr/bin/env python3
"""Compare samples of the swiss-roll presets with fresh data: a Markdown table.

    python benchmarks/swiss_roll.py --diffuse build/release/diffuse --out runs/rolls

The distance is the sliced 2-Wasserstein distance of 5,000 samples to 5,000 points of the data, relative to that between
two such sets of the data. Its square exceeds that of very many points by as much as between sets of the data: the rest is
measured with -n samples. Needs NumPy.
"""

import argparse
import pathlib
import sys

import numpy as np

from commands import timed, train_once

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "python"))
from swiss_roll_points import sliced_wasserstein, swiss_roll  # noqa: E402

PRESETS = ("swiss_roll", "swiss_roll_flow", "swiss_roll_edm")


def mean_square(pairs):
    return np.mean([sliced_wasserstein(a, b) ** 2 for a, b in pairs])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("-n", type=int, default=40000, help="samples")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    fresh = [swiss_roll(options.n, random) for _ in range(6)]
    floor = mean_square(zip(fresh[::2], fresh[1::2]))
    small = [swiss_roll(5000, random) for _ in range(16)]
    between = mean_square(zip(small[::2], small[1::2]))
    print("| preset | distance to data, relative to data's |\n| --- | --- |")
    for preset in PRESETS:
        train_once(options.diffuse, ROOT / "configs" / f"{preset}.json", options.out / preset)
        drawn = options.out / f"{preset}.npy"
        timed([options.diffuse, "sample", "--ckpt", options.out / preset, "-n", options.n,
               "--batch", 5000, "-o", drawn, "-q"])
        samples = np.load(drawn)
        excess = max(mean_square((samples, points) for points in fresh) - floor, 0)
        print(f"| `{preset}.json` | {np.sqrt(1 + excess / between):.2f} |", flush=True)


if __name__ == "__main__":
    main()
