#!/usr/bin/env python3
"""Train MNIST by DDPM, flow matching and EDM with Adam and Muon at equal budget: a Markdown table.

    python benchmarks/formulations.py --out runs/formulations --steps 1150 --seeds 0 1

Each run has the network and batch of configs/mnist.json. Columns: the squared error of epsilon at the
noise levels of Ho's chain (`eval --metrics epsilon`), the share of a thousand digits, by DDIM in 50 steps
with eta 1, of which an independent classifier is over 90 % sure, and training steps per second, which
compare only if nothing else ran. Runs that --out already holds are not trained again; --jobs trains several
at once, on one thread each. Needs what mnist_quality.py needs.
"""

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import sys

from commands import output_of, sample_rates

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGS = {"ddpm": "mnist.json", "flow": "mnist_flow.json", "edm": "mnist_edm.json"}
SAMPLER = ["--sampler", "ddim", "--eta", 1, "--steps", 50]


def measure(options, process, optimizer, seed):
    """The figures of one run."""
    out = options.out / f"{process}-{optimizer}-{seed}"
    threads = 1 if options.jobs > 1 else 0
    if not (out / "figures.json").exists():
        output_of([options.diffuse, "train", "--config", ROOT / "configs" / CONFIGS[process], "--out", out,
                   "--set", f"train.steps={options.steps}", "--set", "train.eval_every=0", "--set",
                   f"seed={seed}", "--set", f"train.optimizer={optimizer}", *options.train, "-q",
                   *(["--resume"] if out.exists() else [])], threads)
        found = json.loads(output_of([options.diffuse, "eval", "--ckpt", out, "--metrics", "epsilon",
                                      "--items", 4096, "--json", "-", "-q"], threads))
        digits = out / "digits.npz"
        output_of([options.diffuse, "sample", "--ckpt", out, "-n", options.count, *SAMPLER, "-o", digits,
                   "-q"], threads)
        judge = output_of([sys.executable, ROOT / "tests" / "python" / "mnist_classifier.py", "--samples",
                           digits, "--cache", options.out / "judge.pt"], threads)
        figures = {"epsilon": found["epsilon"]["mean"], "error": found["epsilon"]["stderr"],
                   "sure": json.loads(judge)["confident"], "rate": statistics.median(sample_rates(out)) / 64}
        (out / "figures.json").write_text(json.dumps(figures))
    return json.loads((out / "figures.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--processes", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--optimizers", nargs="+", default=["adam", "muon"], choices=["adam", "muon"])
    parser.add_argument("--count", type=int, default=1000, help="digits to judge")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--train", nargs=argparse.REMAINDER, default=[], help="more words for train")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not (options.out / "judge.pt").exists():
        output_of([sys.executable, ROOT / "tests" / "python" / "mnist_classifier.py", "--cache",
                   options.out / "judge.pt"])
    runs = [(process, optimizer, seed) for process in options.processes
            for optimizer in options.optimizers for seed in options.seeds]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        figures = dict(zip(runs, pool.map(lambda run: measure(options, *run), runs)))
    print("| process | optimizer | squared error of epsilon | sure of | steps/s |\n"
          "| --- | --- | --- | --- | --- |")
    for process in options.processes:
        for optimizer in options.optimizers:
            own = [figures[process, optimizer, seed] for seed in options.seeds]
            errors = ", ".join(format(f["epsilon"], ".4f") for f in own)
            sure = ", ".join(format(f["sure"], ".1%") for f in own)
            print(f"| {process} | {optimizer} | {errors} (± {own[0]['error']:.4f}) | {sure} | "
                  f"{statistics.median(f['rate'] for f in own):.2f} |")


if __name__ == "__main__":
    main()
