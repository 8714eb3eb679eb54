#!/usr/bin/env python3
"""Compare samples for a vector with the Gaussian they should have: one JSON object on stdout.

    python benchmarks/vector_gaussian.py --diffuse build/release/diffuse --out runs/vector

Trains an mlp on x ~ N(A v + b, s^2) in two dimensions, with a vector v of three numbers stored with each x, and
draws samples for three vectors. Prints the error of the mean and of the variance of each dimension, relative to s
and s^2; the target is 2 % for each. Exit code 1 where it is missed. Needs NumPy.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

from commands import timed, train_once

ROOT = pathlib.Path(__file__).resolve().parents[1]
A = np.array([[0.6, -0.4, 0.2], [0.1, 0.5, -0.7]])
B, S = np.array([0.3, -0.2]), 0.5
GIVEN = np.array([[1.0, 0, 0], [0, -1, 1], [0.5, 0.5, -1]])


def config(folder):
    return {"data": {"type": "array", "path": str(folder / "x.npy"), "held_out": 1000},
            "condition": {"type": "vector", "path": str(folder / "v.npy")},
            "model": {"type": "mlp", "hidden": 128, "layers": 4},
            "diffusion": {"process": "flow", "prediction": "flow", "loss": "mse",
                          "timestep_sampler": "stratified"},
            "train": {"steps": 20000, "batch_size": 512, "learning_rate": 0.002, "warmup_steps": 200,
                      "learning_rate_schedule": "cosine", "ema_decay": 0.999, "log_every": 2000},
            "sample": {"sampler": "heun", "steps": 100, "clip_x0": False}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("-n", type=int, default=100000, help="samples of each vector")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    v = random.normal(size=(4000000, 3))  # of few, the model would learn their own variances
    x = v @ A.T + B + S * random.normal(size=(len(v), 2))
    for name, values in (("x", x), ("v", v), ("given", GIVEN)):
        np.save(options.out / f"{name}.npy", values.astype(np.float32))
    (options.out / "config.json").write_text(json.dumps(config(options.out)))
    run, drawn = options.out / "run", options.out / "drawn.npy"
    train_once(options.diffuse, options.out / "config.json", run)
    timed([options.diffuse, "sample", "--ckpt", run, "--condition", options.out / "given.npy", "-n",
           options.n, "--batch", 4000, "-o", drawn])
    rows = np.load(drawn).reshape(len(GIVEN), options.n, 2)
    mean = np.abs(rows.mean(axis=1) - (GIVEN @ A.T + B)) / S
    variance = np.abs(rows.var(axis=1) / S**2 - 1)
    result = {"mean_error": mean.round(4).tolist(), "variance_error": variance.round(4).tolist(),
              "met": bool(max(mean.max(), variance.max()) < 0.02)}
    print(json.dumps(result))
    sys.exit(0 if result["met"] else 1)


if __name__ == "__main__":
    main()
