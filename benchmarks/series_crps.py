#!/usr/bin/env python3
"""Compare a trained forecast with the exact one, by CRPS: one JSON object on stdout.

    python benchmarks/series_crps.py --diffuse build/release/diffuse --out runs/series

Trains configs/series_forecast.json unless --out already holds a model.pt. Then draws new series with NumPy, from
the equations of docs/data.md, and compares two forecasts of the same last steps: the model's, whose CRPS
`diffuse eval --metrics crps` estimates, and the exact one. That is Gaussian, and its CRPS has a closed form:
sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (y - mean) / sigma [Gneiting07]. The target is a ratio of
at most 1.05. Exit code 1 where it is missed. Needs NumPy.
"""

import argparse
import json
import math
import pathlib
import shlex
import sys

import numpy as np

from commands import timed, train_once

ROOT = pathlib.Path(__file__).resolve().parents[1]
VARIABLES = 4
LAST = np.array([[1.5, 0, 0, 0], [0.4, 1.2, 0, 0], [0, -0.3, 0.6, 0], [0.2, 0, 0.5, 0.3]])
BEFORE = np.diag([-0.8, -0.6, 0.2, -0.5])
NOISE = np.array([0.25, 0.3, 0.5, 0.5])

# s_t = F s_{t-1} + G z_t for the state s_t = (x_t, x_{t-1})
F = np.block([[LAST, BEFORE], [np.eye(VARIABLES), np.zeros((VARIABLES, VARIABLES))]])
Q = np.zeros((2 * VARIABLES, 2 * VARIABLES))
Q[:VARIABLES, :VARIABLES] = np.diag(NOISE**2)  # G G'


def stationary_covariance():
    """P = F P F' + Q."""
    size = len(F) ** 2
    return np.linalg.solve(np.eye(size) - np.kron(F, F), Q.ravel()).reshape(F.shape)


def draw_series(count, length, seed):
    """Stationary series [count, 4, length]."""
    random = np.random.default_rng(seed)
    state = random.multivariate_normal(np.zeros(len(F)), stationary_covariance(), count)
    steps = []
    for _ in range(length):
        state = state @ F.T
        state[:, :VARIABLES] += NOISE * random.standard_normal((count, VARIABLES))
        steps.append(state[:, :VARIABLES].copy())
    return np.stack(steps, axis=2)


def exact_forecast(known, horizon):
    """Means [count, 4, horizon] and standard deviations [4, horizon] of what follows known [count, 4, L]."""
    state = np.concatenate([known[:, :, -1], known[:, :, -2]], axis=1)
    covariance, means, deviations = np.zeros_like(Q), [], []
    for _ in range(horizon):
        state = state @ F.T
        covariance = F @ covariance @ F.T + Q
        means.append(state[:, :VARIABLES])
        deviations.append(np.sqrt(np.diag(covariance)[:VARIABLES]))
    return np.stack(means, axis=2), np.stack(deviations, axis=1)


def gaussian_crps(mean, deviation, truth):
    z = (truth - mean) / deviation
    density = np.exp(-z**2 / 2) / math.sqrt(2 * math.pi)
    return deviation * (z * np.vectorize(math.erf)(z / math.sqrt(2)) + 2 * density
                        - 1 / math.sqrt(math.pi))


def by_step(values):
    """The means [horizon] over items and variables, of the first, middle and last step."""
    means = values.mean(axis=(0, 1))
    return [round(float(means[i]), 5) for i in (0, len(means) // 2, -1)]


def model_crps(options, series):
    """`diffuse eval` on all series but one: some of an array is always held out."""
    array = options.out / "series.npy"
    np.save(array, series.astype(np.float32))
    data = options.out / "series.json"
    data.write_text(json.dumps({"data": {"type": "array", "path": str(array.resolve()),
                                         "held_out": 1}}))
    report = options.out / "crps.json"
    seconds = timed([options.diffuse, "eval", "--ckpt", options.out, "--data", data,
                     "--split", "train", "--items", 0, "--metrics", "crps",
                     "--crps-samples", options.samples, "--json", report]
                    + shlex.split(options.eval))
    return json.loads(report.read_text())["crps"] | {"seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--config", default=ROOT / "configs" / "series_forecast.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="run folder")
    parser.add_argument("--items", type=int, default=1000, help="series that are forecast")
    parser.add_argument("--samples", type=int, default=64, help="of each forecast")
    parser.add_argument("--seed", type=int, default=1, help="of the new series")
    parser.add_argument("--train", default="", help='more words for train: "--set train.steps=9"')
    parser.add_argument("--eval", default="", help='more words for eval: "--sampler dpmpp2m"')
    options = parser.parse_args()

    result = train_once(options.diffuse, options.config, options.out, options.train)
    config = json.loads((options.out / "config.json").read_text())
    length, horizon = config["data"]["length"], config["condition"]["horizon"]

    series = draw_series(options.items + 1, length, options.seed)
    future = series[:, :, -horizon:]
    means, deviations = exact_forecast(series[:, :, :-horizon], horizon)
    exact = gaussian_crps(means, deviations, future)
    found = model_crps(options, series)
    # That of a forecast by the stationary distribution, which knows nothing.
    none = gaussian_crps(0, np.sqrt(np.diag(stationary_covariance())[:VARIABLES])[:, None],
                         future)
    result |= {
        "crps": found["mean"], "stderr": found["stderr"], "eval_s": found["seconds"],
        "exact": float(exact.mean()), "exact_expected": float(deviations.mean() / math.sqrt(math.pi)),
        "exact_first_middle_last": by_step(exact), "without_the_past": float(none.mean()),
        "ratio": found["mean"] / float(exact.mean()), "items": found["items"],
        "samples": found["samples"]}
    result["met"] = result["ratio"] <= 1.05
    print(json.dumps(result))
    sys.exit(0 if result["met"] else 1)


if __name__ == "__main__":
    main()
