#!/usr/bin/env python3
"""Kills one process of a training run at a random moment (kill -9), N times. After each kill, the restarted
run must resume from an intact checkpoint, at most one checkpoint interval back.

    benchmarks/kill_ranks.py [--kills 20] [--nproc 2]
"""
import argparse
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/python"))
import cluster
import torch

EVERY = 10  # steps between checkpoints


def checkpoint_step(run):
    """Step of the newest checkpoint; every checkpoint file must be intact."""
    steps = [torch.load(path, weights_only=True)["step"]
             for path in [run / "model.pt", *(run / "checkpoints").glob("*.pt")] if path.exists()]
    return max(steps, default=0)


def logged_step(run, since=0):
    """Last step in the metrics, 0 if they are not newer than the time `since`."""
    metrics = run / "metrics.jsonl"
    if not metrics.exists() or metrics.stat().st_mtime <= since:
        return 0
    return max(cluster.series(run), default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--nproc", type=int, default=2)
    arguments = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        config = cluster.write_config(folder, cluster.merged(cluster.IMAGES, {"train": {
            "steps": 10**9, "checkpoint_every": EVERY, "log_every": 1, "sample_every": 0}}))
        command = cluster.train(config, run, "--peer-timeout", "3s")
        for kill in range(arguments.kills):
            before = checkpoint_step(run)
            since = time.time()
            children = cluster.start(cluster.by_open_mpi(arguments.nproc, command))
            while logged_step(run, since) <= before:  # wait until it trains
                assert all(child.poll() is None for child in children), cluster.finish(children)
                time.sleep(0.02)
            time.sleep(random.uniform(0, 1.5))
            victim = random.randrange(arguments.nproc)
            children[victim].send_signal(signal.SIGKILL)
            killed = time.monotonic()
            codes, _, err = cluster.finish(children, timeout=60)
            seconds = time.monotonic() - killed
            reached, kept = logged_step(run), checkpoint_step(run)
            assert codes[victim] == -signal.SIGKILL, (codes, err)
            assert arguments.nproc == 1 or f"rank {victim} died" in err, (codes, err)
            assert kept >= before and reached - kept <= EVERY, (before, kept, reached)
            print(f"{kill + 1}: killed rank {victim} at step {reached}, the others ended after "
                  f"{seconds:.1f} s, resumes from step {kept}", flush=True)
        final = cluster.merged(cluster.IMAGES, {"train": {"steps": kept + EVERY,
                                                          "sample_every": 0}})
        config = cluster.write_config(folder, final)
        codes, _, err = cluster.run(cluster.by_launch(arguments.nproc, cluster.train(config, run)))
        assert set(codes) == {0}, err
        left = [name for name in os.listdir(run) if ".tmp-" in name]
        assert not left, left
    print(f"{arguments.kills} kills: every checkpoint intact, at most {EVERY} steps lost each")


if __name__ == "__main__":
    main()
