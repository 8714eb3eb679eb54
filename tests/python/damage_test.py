#!/usr/bin/env python3
"""Checkpoints cut off or with flipped bits, full disks and folders that cannot be written: --resume goes on
from the newest whole checkpoint, says so, and ends where a run without damage ends, byte for byte. Exit
status 77: DIFFUSE_PROGRAM is not set."""

import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import cluster

if "DIFFUSE_PROGRAM" not in os.environ:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)

EVERY = 2
POINTS = cluster.merged(cluster.POINTS, {"train": {
    "steps": 3 * EVERY, "checkpoint_every": EVERY, "keep_last": 2, "eval_every": 0}})


def run(command):
    done = subprocess.run([cluster.PROGRAM, *command], capture_output=True, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": "1"})
    return done.returncode, done.stderr


def boundaries(path):
    """Offsets at and inside each part of a checkpoint: headers, pickle, numbers, directory, its end."""
    size = path.stat().st_size
    cuts = {0, 1, size - 1, size - 21, size - 22}
    with zipfile.ZipFile(path) as archive:
        cuts |= {archive.start_dir, archive.start_dir + 10, (archive.start_dir + size) // 2}
        entries = archive.infolist()
        for entry in [entries[0], entries[len(entries) // 2], entries[-1]]:
            cuts |= {entry.header_offset, entry.header_offset + 17,
                     entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2}
    return sorted(cuts)


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.config = cluster.write_config(cls.folder, POINTS)
        straight, cls.trained = cls.folder / "straight", cls.folder / "run"
        for out, steps in ((straight, 3 * EVERY), (cls.trained, 2 * EVERY)):
            code, err = run(cluster.train(cls.config, out, "--set", f"train.steps={steps}"))
            assert code == 0, err
        cls.expected = (straight / "model.pt").read_bytes()

    def resume(self, damage, both=True):
        """Resumes a copy of the run whose newest checkpoint went through damage(bytes); stderr."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.trained, copy)
        newest = copy / "checkpoints" / f"step-{2 * EVERY}.pt"
        for path in [copy / "model.pt", *([newest] if both else [])]:
            path.write_bytes(damage(path.read_bytes()))
        code, err = run(cluster.train(self.config, copy))
        self.assertEqual(code, 0, err)
        self.assertEqual((copy / "model.pt").read_bytes(), self.expected, err)
        return err

    def test_cut_off_anywhere(self):
        for cut in boundaries(self.trained / "model.pt"):
            err = self.resume(lambda whole: whole[:cut])
            self.assertIn("skipping a damaged checkpoint", err, cut)
            self.assertIn(f"continuing from {self.folder}/copy/checkpoints/step-{EVERY}.pt at step {EVERY}", err)

    def test_model_alone_is_cut_off(self):
        err = self.resume(lambda whole: whole[:1000], both=False)
        self.assertIn(f"step-{2 * EVERY}.pt at step {2 * EVERY}", err)

    def test_flipped_bits(self):
        rng = random.Random(0)
        passed_over = 0
        for _ in range(8):
            def flip(whole, at=rng.random(), bit=rng.randrange(8)):
                damaged = bytearray(whole)
                damaged[int(at * len(whole))] ^= 1 << bit
                return bytes(damaged)
            passed_over += "skipping a damaged checkpoint" in self.resume(flip)
        self.assertGreater(passed_over, 3)  # the rest fell between the entries

    @contextlib.contextmanager
    def small_disk(self, megabytes):
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("only root can mount a small disk")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_full_disk(self):
        with self.small_disk(1) as disk:
            filler = disk / "filler"
            code, err = run(cluster.train(self.config, disk / "run", "--set", f"train.steps={2 * EVERY}"))
            self.assertEqual(code, 0, err)
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            code, err = run(cluster.train(self.config, disk / "run"))
            self.assertNotEqual(code, 0)
            self.assertIn("No space left on device", err.splitlines()[-1])
            self.assertIn(str(disk / "run"), err.splitlines()[-1])
            self.assertEqual([p for p in (disk / "run").rglob("*") if ".tmp-" in p.name], [])
            filler.unlink()
            code, err = run(cluster.train(self.config, disk / "run"))
            self.assertEqual(code, 0, err)
            self.assertIn(f"at step {2 * EVERY}", err)
            self.assertEqual((disk / "run" / "model.pt").read_bytes(), self.expected)

    def test_read_only_folder(self):
        with self.small_disk(1) as disk:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            code, err = run(cluster.train(self.config, disk / "run"))
            self.assertEqual(code, 2, err)
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn(str(disk / "run"), err)


if __name__ == "__main__":
    unittest.main()
