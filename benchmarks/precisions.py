#!/usr/bin/env python3
"""Held-out losses of one training in several precisions: a Markdown table.

    python benchmarks/precisions.py --out runs/precisions --device cuda --steps 2000 --seeds 0 1

Trains --config (Ho's CIFAR-10 model) in each of --precisions with each seed, and evaluates the squared error of
epsilon on --items held-out items, with the standard error of their mean (`eval --metrics epsilon`, in float32).
The difference from the first precision is over the same items and noise, and so is known better than either loss.
Finished runs that --out already holds are not trained again.
"""

import argparse
import json
import pathlib
import sys

from commands import metrics_of, output_of, sample_rates

ROOT = pathlib.Path(__file__).resolve().parents[1]


def finished(out, steps):
    """Whether the folder holds a run of so many steps; one of other steps is an error."""
    if not (out / "config.json").exists():
        return False
    found = json.loads((out / "config.json").read_text())["train"]["steps"]
    rows = metrics_of(out)
    if found != steps or not rows or rows[-1]["step"] != steps or not (out / "model.pt").exists():
        sys.exit(f"{out} holds another run, or part of one; remove it or name another --out")
    return True


def measure(options, precision, seed):
    """Mean and standard error of a run's held-out loss, and its updates per second."""
    out = options.out / f"{precision}-{seed}"
    settings = [f"train.steps={options.steps}", f"train.precision={precision}", f"seed={seed}",
                "train.eval_every=0", "train.sample_every=0", *options.set]
    if not finished(out, options.steps):
        output_of([options.diffuse, "train", "--config", options.config, "--out", out, "--device",
                   options.device, "-q", *[word for s in settings for word in ("--set", s)]])
    batch = json.loads((out / "config.json").read_text())["train"]["batch_size"]
    found = json.loads(output_of([options.diffuse, "eval", "--ckpt", out, "--metrics", "epsilon", "--items",
                                  options.items, "--device", options.device, "--json", "-", "-q"]))
    return found["epsilon"]["mean"], found["epsilon"]["stderr"], sample_rates(out)[-1] / batch


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse", type=pathlib.Path)
    parser.add_argument("--config", default=ROOT / "configs" / "cifar.json", type=pathlib.Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", default=2000, type=int)
    parser.add_argument("--items", default=4096, type=int)
    parser.add_argument("--seeds", nargs="+", default=[0], type=int)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print("| seed | precision | held-out loss | difference | updates/s |")
    print("| --- | --- | --- | --- | --- |")
    for seed in options.seeds:
        first = None
        for precision in options.precisions:
            mean, error, rate = measure(options, precision, seed)
            first = first or mean
            print(f"| {seed} | {precision} | {mean:.5f} ± {error:.5f} | {mean - first:+.5f} | {rate:.2f} |",
                  flush=True)


if __name__ == "__main__":
    main()
