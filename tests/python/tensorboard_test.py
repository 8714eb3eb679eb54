"""What `diffuse train` logs, as TensorBoard itself reads it.

Trains a few steps with the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is
not set or tensorboard is missing.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class TensorBoardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.run_folder = pathlib.Path(cls.folder.name) / "run"
        command = [os.environ["DIFFUSE_PROGRAM"], "train", "--config", "configs/swiss_roll.json"]
        command += ["--set", "train.steps=20", "--set", "train.log_every=5"]
        subprocess.run(command + ["--out", str(cls.run_folder)], cwd=ROOT, check=True)
        files = list(cls.run_folder.rglob("events.out.tfevents.*"))
        assert len(files) == 1, files
        cls.events = EventAccumulator(str(files[0])).Reload()

    def test_has_one_loss_for_each_logged_step(self):
        losses = self.events.Scalars("train/loss")
        self.assertEqual([event.step for event in losses], [5, 10, 15, 20])
        self.assertTrue(all(math.isfinite(event.value) for event in losses))

    def test_agrees_with_the_metrics_file(self):
        lines = (self.run_folder / "metrics.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "train/loss" in row]
        logged = {row["step"]: row["train/loss"] for row in rows}
        for event in self.events.Scalars("train/loss"):
            self.assertAlmostEqual(logged[event.step], event.value, delta=1e-4 * event.value)

    def test_has_a_histogram_of_the_loss_by_timestep(self):
        for event in self.events.Histograms("train/loss_by_timestep"):
            histogram = event.histogram_value
            self.assertEqual(histogram.bucket_limit, [10.0 * i for i in range(1, 21)])
            self.assertEqual(len(histogram.bucket), 20)
            self.assertTrue(all(0 < height < 10 for height in histogram.bucket))
            self.assertAlmostEqual(histogram.num, sum(histogram.bucket))

    def test_has_the_hyperparameters(self):
        metadata = self.events.SummaryMetadata("_hparams_/session_start_info")
        self.assertEqual(metadata.plugin_data.plugin_name, "hparams")
        data = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
        found = data.session_start_info.hparams
        config = json.loads((self.run_folder / "config.json").read_text())
        self.assertEqual(found["train.steps"].number_value, 20)
        self.assertEqual(found["train.ema_warmup"].bool_value, config["train"]["ema_warmup"])
        self.assertEqual(found["data.type"].string_value, "swiss_roll")

    def test_has_the_config_as_text(self):
        tensor = self.events.Tensors("config/text_summary")[0].tensor_proto
        self.assertIn(b'"swiss_roll"', tensor.string_val[0])


if __name__ == "__main__":
    unittest.main()
