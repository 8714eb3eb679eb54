#!/usr/bin/env python3
"""Asked to stop, a training run does not first finish the grid of samples that it draws. Exit status 77:
DIFFUSE_PROGRAM is not set."""
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

import cluster

if "DIFFUSE_PROGRAM" not in os.environ:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)

# A grid takes minutes.
SLOW = cluster.merged(cluster.IMAGES, {
    "diffusion": {"timesteps": 20_000, "beta_end": 0.02}, "sample": {"grid": 64},
    "train": {"steps": 1000, "sample_every": 2, "checkpoint_every": 2, "eval_every": 0}})


class Stop(unittest.TestCase):
    def stopped(self, n, *more, sent=None):
        """Trains in n processes until they are asked to stop; stderr."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "run"
            config = cluster.write_config(folder, SLOW)
            since = time.time()
            children = cluster.start(cluster.by_slurm(n, cluster.train(config, out, *more)))
            cluster.wait_until_saved(out, since)
            if sent:
                time.sleep(0.5)
                children[-1].send_signal(sent)
            codes, _, err = cluster.finish(children, timeout=60)
            self.assertEqual(codes, [75] * n, err)
            self.assertIn("step 2: no samples, as the run has to end", err)
            self.assertIn("stopped at step 2", err)
            self.assertEqual(list(out.glob("samples/*")), [])
            return err

    def test_signals(self):
        for n in (1, 3):
            self.assertIn("SIGTERM", self.stopped(n, sent=signal.SIGTERM))

    def test_time_limit(self):
        self.assertIn("time limit", self.stopped(1, "--time-limit", "10s"))


if __name__ == "__main__":
    unittest.main()
