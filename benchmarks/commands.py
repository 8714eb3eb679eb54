"""What the scripts beside this one share: commands of diffuse, and what its runs logged."""

import json
import os
import shlex
import subprocess
import sys
import time


def timed(command):
    """Run time of a command in seconds; its output goes to stderr."""
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    return round(time.monotonic() - start, 1)


def output_of(command, threads=0):
    """Standard output of a command, on that many threads if given; ends the script if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": str(threads)} if threads else None)
    if done.returncode:
        sys.exit(f"{' '.join(words)}:\n{done.stderr}")
    return done.stdout


def metrics_of(run):
    """The rows of a run's metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def sample_rates(run):
    """Samples per second at each report of a training."""
    return [row["train/samples_per_second"] for row in metrics_of(run) if "train/samples_per_second" in row]


def train_once(diffuse, config, out, words=""):
    """{"train_s": seconds} of a training, or {} where `out` has a model.pt already."""
    if (out / "model.pt").exists():
        return {}
    return {"train_s": timed([diffuse, "train", "--config", config, "--out", out] +
                             shlex.split(words))}
