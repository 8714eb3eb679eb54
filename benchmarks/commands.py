"""What the scripts beside this one share: commands of diffuse that are timed."""

import shlex
import subprocess
import sys
import time


def timed(command):
    """Run time of a command in seconds; its output goes to stderr."""
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    return round(time.monotonic() - start, 1)


def train_once(diffuse, config, out, words=""):
    """{"train_s": seconds} of a training, or {} where `out` has a model.pt already."""
    if (out / "model.pt").exists():
        return {}
    return {"train_s": timed([diffuse, "train", "--config", config, "--out", out] +
                             shlex.split(words))}
