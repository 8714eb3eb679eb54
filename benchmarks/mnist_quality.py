#!/usr/bin/env python3
"""Train configs/mnist.json, draw digits from it and judge them: one JSON object on stdout.

    python benchmarks/mnist_quality.py --diffuse build/release/diffuse --out runs/mnist-quality

An --out that already holds a model.pt is not trained again, so that samplers can be compared:

    python benchmarks/mnist_quality.py --out runs/mnist-quality --sample "--sampler ddim --steps 25"

Wants PyTorch and NumPy for the judge, tests/python/mnist_classifier.py, and MNIST in
$DIFFUSE_DATA/mnist. Printed: seconds of training and sampling, the last held-out error of epsilon
(weights averaged over training, t uniform), and the judge's figures, for a class-conditional config
the share recognised as the class asked for among them; the digits stay in --out.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]


def timed(command):
    """Seconds that a command took; its output goes to stderr."""
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    return round(time.monotonic() - start, 1)


def held_out_loss(metrics):
    """The last held-out loss that a run wrote, or None."""
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    return [None, *(row["held_out/loss"] for row in rows if "held_out/loss" in row)][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--config", default=ROOT / "configs" / "mnist.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="run folder")
    parser.add_argument("-n", type=int, default=1000, help="digits to judge")
    parser.add_argument("--train", default="", help='more words for train: "--set train.steps=9"')
    parser.add_argument("--sample", default="", help='more words for sample: "--steps 25"')
    options = parser.parse_args()

    result = {}
    if not (options.out / "model.pt").exists():
        train = [options.diffuse, "train", "--config", options.config, "--out", options.out]
        result["train_s"] = timed(train + shlex.split(options.train))
    result["held_out_loss"] = held_out_loss(options.out / "metrics.jsonl")

    digits = options.out / "digits.npz"
    sample = [options.diffuse, "sample", "--ckpt", options.out / "model.pt", "-n", options.n]
    result["sample_s"] = timed(sample + ["-o", digits] + shlex.split(options.sample))

    classifier = ROOT / "tests" / "python" / "mnist_classifier.py"
    judge = [sys.executable, classifier, "--samples", digits, "--cache", options.out / "judge.pt"]
    if json.loads((options.out / "config.json").read_text())["model"]["class_conditional"]:
        asked = options.out / "classes.npy"  # one class after the other is what sample draws
        np.save(asked, np.arange(options.n) % 10)
        judge += ["--classes", asked]
    verdict = subprocess.run([str(w) for w in judge], check=True, capture_output=True, text=True)
    print(json.dumps(result | json.loads(verdict.stdout)))


if __name__ == "__main__":
    main()
