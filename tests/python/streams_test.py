#!/usr/bin/env python3
"""What becomes of results and runs where stdin, stdout or stderr is closed, full or read by nobody. Exit
status 77: DIFFUSE_PROGRAM is not set."""
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

import cluster

if "DIFFUSE_PROGRAM" not in os.environ:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)


def unread_pipe():
    """The end to write to of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    return write


class Streams(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.config = cluster.write_config(self.folder, cluster.POINTS)
        self.run_folder = self.folder / "run"

    def diffuse(self, *arguments, closed=(), limit=None, **streams):
        def in_child():
            for descriptor in closed:
                os.close(descriptor)
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run([cluster.PROGRAM, *map(str, arguments)], cwd=self.folder, text=True,
                              preexec_fn=in_child, timeout=120, **streams)

    def train(self, **how):
        return self.diffuse(*cluster.train(self.config, self.run_folder), **how)

    def test_log_lines_stay_out_of_files(self):
        self.assertEqual(self.train(closed=(0, 1, 2)).returncode, 0)
        lines = (self.run_folder / "metrics.jsonl").read_text().splitlines()
        self.assertEqual(json.loads(lines[0])["step"], 1)
        for file in self.run_folder.rglob("*"):
            self.assertTrue(file.is_dir() or b"info training" not in file.read_bytes(), file)
        for closed in ((0,), (1,), (2,), (0, 2), (1, 2)):
            sample = ("sample", "--ckpt", self.run_folder, "-n", 4, "-o", "x.npy")
            self.assertEqual(self.diffuse(*sample, closed=closed).returncode, 0)
            data = (self.folder / "x.npy").read_bytes()
            self.assertEqual(data[:6], b"\x93NUMPY")
            self.assertEqual(len(data), 128 + 4 * 4 * 2)

    def test_results_that_cannot_be_printed_are_a_failure(self):
        self.assertEqual(self.train().returncode, 0)
        for line in ("schema", "schema --text", "--help", "train --help", "--version", "man",
                     "completions bash", "info run", "info run --json", "ls .", "ls . --json",
                     "schedule --kind linear", "schedule --kind linear --json -",
                     "data inspect config.json", "train --config config.json --out new --dry-run",
                     "eval --ckpt run --items 4 --json -"):
            with open("/dev/full", "w") as full:
                outcome = self.diffuse(*line.split(), stdout=full)
            self.assertEqual(outcome.returncode, 1, line)
            self.assertIn("diffuse: stdout: not all output was written", outcome.stderr)
        for line in ("schema", "ls ."):
            self.assertEqual(self.diffuse(*line.split(), closed=(1,)).returncode, 1, line)

    def test_figures_kept_in_a_file_need_no_stdout(self):
        self.assertEqual(self.train().returncode, 0)
        line = ("eval", "--ckpt", "run", "--items", 4, "--json", "f.json")
        outcome = self.diffuse(*line, closed=(1,))
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertIn("bpd", json.loads((self.folder / "f.json").read_text()))

    def test_a_reader_that_leaves_ends_what_is_printed_in_silence(self):
        outcome = self.diffuse("schema", stdout=unread_pipe())
        self.assertEqual((outcome.returncode, outcome.stderr), (-signal.SIGPIPE, ""))

    def test_a_run_goes_on_without_its_log(self):
        for pipes in ({"stderr": unread_pipe()}, {"stdout": unread_pipe(), "stderr": unread_pipe()}):
            self.run_folder = self.folder / f"run{len(pipes)}"
            self.assertEqual(self.train(**pipes).returncode, 0)
            self.assertEqual(max(cluster.series(self.run_folder)), 12)
            self.assertTrue((self.run_folder / "checkpoints/step-12.pt").exists())

    def test_a_limit_on_file_sizes_gives_the_usual_line(self):
        outcome = self.train(limit=20480)
        self.assertEqual(outcome.returncode, 1, outcome.stderr)
        self.assertIn(".pt: cannot write: File too large", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
