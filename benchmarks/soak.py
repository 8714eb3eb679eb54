#!/usr/bin/env python3
"""Trains and samples a tiny model for hours and records memory and open files: one endless training run, with
one sampling run after another from its newest checkpoint.

    benchmarks/soak.py [--hours 1] [--every 10] [--log soak.csv]

Prints resident memory and open files of the training run over time. Exit code 0 if memory stayed within 1 %
after the warm-up (the first sixth of the time), else 1.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/python"))
import cluster


def measure(process):
    """Resident memory in MB, and number of open files."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return resident, len(os.listdir(f"/proc/{process.pid}/fd"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--every", type=float, default=10, help="seconds between measurements")
    parser.add_argument("--log", type=pathlib.Path, help="CSV of every measurement")
    arguments = parser.parse_args()
    config = cluster.merged(cluster.IMAGES, {"train": {
        "steps": 10**9, "checkpoint_every": 50, "eval_every": 50, "sample_every": 200, "log_every": 10}})
    rows, samples = [], 0
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        command = [cluster.PROGRAM, *cluster.train(cluster.write_config(folder, config), run)]
        sample = [cluster.PROGRAM, "sample", "--ckpt", str(run), "-n", "4", "--threads", "1", "-o",
                  f"{folder}/samples.npy"]
        begin = time.monotonic()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet) as training:
            while (now := time.monotonic() - begin) < 3600 * arguments.hours:
                assert training.poll() is None, f"training ended with {training.returncode}"
                if (run / "model.pt").exists():
                    subprocess.run(sample, check=True, **quiet)
                    samples += 1
                rows.append((now, *measure(training), max(cluster.series(run), default=0)
                             if (run / "metrics.jsonl").exists() else 0))
                if arguments.log:
                    arguments.log.write_text("seconds,resident_mb,open_files,step\n" + "".join(
                        "%.0f,%.1f,%d,%d\n" % row for row in rows))
                time.sleep(arguments.every)
            training.terminate()
    print("| minutes | step | resident MB | open files |\n| ---: | ---: | ---: | ---: |")
    for row in rows[:: max(len(rows) // 10, 1)]:
        print(f"| {row[0] / 60:.0f} | {row[3]:,} | {row[1]:.1f} | {row[2]} |")
    warm = [row for row in rows if row[0] > 600 * arguments.hours]
    low, high = min(row[1] for row in warm), max(row[1] for row in warm)
    print(f"{rows[-1][3]:,} steps and {samples:,} sampling runs in {rows[-1][0] / 60:.0f} minutes: "
          f"{low:.1f} to {high:.1f} MB after the warm-up, {100 * (high / low - 1):.2f} %, "
          f"{min(row[2] for row in warm)} to {max(row[2] for row in warm)} open files")
    return 0 if high <= 1.01 * low else 1


if __name__ == "__main__":
    sys.exit(main())
