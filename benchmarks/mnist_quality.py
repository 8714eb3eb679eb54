#!/usr/bin/env python3
"""Train configs/mnist.json, sample digits and rate them: one JSON object on stdout.

    python benchmarks/mnist_quality.py --diffuse build/release/diffuse --out runs/mnist-quality

If --out already holds a model.pt, training is skipped, to compare samplers:

    python benchmarks/mnist_quality.py --out runs/mnist-quality --sample "--sampler ddim --steps 25"

Needs PyTorch and NumPy for the classifier, tests/python/mnist_classifier.py, and MNIST in
$DIFFUSE_DATA/mnist. Prints the seconds of training and sampling, the last validation error of
epsilon (EMA weights, t uniform), and the classifier's figures; for a class-conditional config these
include the share of samples recognised as the requested class. The digits stay in --out.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys

import numpy as np

from commands import metrics_of, timed, train_once

ROOT = pathlib.Path(__file__).resolve().parents[1]


def held_out_loss(run):
    """The last held-out loss of a run, or None."""
    return [None, *(row["held_out/loss"] for row in metrics_of(run) if "held_out/loss" in row)][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--config", default=ROOT / "configs" / "mnist.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="run folder")
    parser.add_argument("-n", type=int, default=1000, help="digits to rate")
    parser.add_argument("--train", default="", help='more words for train: "--set train.steps=9"')
    parser.add_argument("--sample", default="", help='more words for sample: "--steps 25"')
    options = parser.parse_args()

    result = train_once(options.diffuse, options.config, options.out, options.train)
    result["held_out_loss"] = held_out_loss(options.out)

    digits = options.out / "digits.npz"
    sample = [options.diffuse, "sample", "--ckpt", options.out / "model.pt", "-n", options.n]
    result["sample_s"] = timed(sample + ["-o", digits] + shlex.split(options.sample))

    classifier = ROOT / "tests" / "python" / "mnist_classifier.py"
    judge = [sys.executable, classifier, "--samples", digits, "--cache", options.out / "judge.pt"]
    if json.loads((options.out / "config.json").read_text())["model"]["class_conditional"]:
        asked = options.out / "classes.npy"  # sample draws the classes in turn
        np.save(asked, np.arange(options.n) % 10)
        judge += ["--classes", asked]
    verdict = subprocess.run([str(w) for w in judge], check=True, capture_output=True, text=True)
    print(json.dumps(result | json.loads(verdict.stdout)))


if __name__ == "__main__":
    main()
