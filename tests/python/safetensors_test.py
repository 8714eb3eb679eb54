"""What `diffuse convert` writes opens in Python's safetensors package, byte for byte as it writes it,
and the other way round.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or a package
is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NAME = "diffusion_pytorch_model.safetensors"
# A tiny UNet that trains for one step on drawn shapes.
SETTINGS = ["data.count=16", "data.image_size=8", "model.channels=8", "model.norm_groups=4",
            "model.channel_multipliers=[1,2]", "model.attention_resolutions=[4]", "train.steps=1",
            "train.batch_size=2", "model.patch_size=1"]


def diffuse(*arguments):
    subprocess.run([os.environ["DIFFUSE_PROGRAM"], *map(str, arguments)], cwd=ROOT, check=True)


class SafetensorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        settings = [word for value in SETTINGS for word in ("--set", value)]
        diffuse("train", "--config", "configs/shapes.json", *settings, "--out", cls.folder / "run")
        diffuse("convert", cls.folder / "run", cls.folder / "out")
        cls.written = cls.folder / "out" / NAME

    def test_holds_the_averaged_weights(self):
        ema = torch.load(self.folder / "run" / "model.pt", weights_only=True)["ema"]
        tensors = load_file(self.written)
        self.assertEqual(tensors.keys(), ema.keys())
        for name, tensor in ema.items():
            self.assertTrue(torch.equal(tensors[name], tensor), name)

    def test_writes_the_bytes_that_python_writes(self):
        data = self.written.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        self.assertEqual(header.pop("__metadata__")["format"], "pt")
        again = self.folder / "again.safetensors"
        save_file(load_file(self.written), again)
        other = again.read_bytes()
        other_length = int.from_bytes(other[:8], "little")
        self.assertEqual(list(header), list(json.loads(other[8:8 + other_length])))
        self.assertEqual(data[8 + length:], other[8 + other_length:])

    def test_reads_what_python_wrote_in_half_precision(self):
        halves = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(self.written).items()}
        for name in ("config.json", "scheduler_config.json"):
            (self.folder / name).write_text((self.folder / "out" / name).read_text())
        lone = self.folder / "half.safetensors"
        save_file(halves, lone)
        diffuse("convert", lone, self.folder / "half.pt")
        model = torch.load(self.folder / "half.pt", weights_only=True)["model"]
        for name, tensor in halves.items():
            self.assertTrue(torch.equal(model[name], tensor.float()), name)

    def test_carries_the_training_configuration(self):
        with safe_open(self.written, framework="pt") as file:
            config = json.loads(file.metadata()["diffuse_config"])
        self.assertEqual(config["train"]["batch_size"], 2)


if __name__ == "__main__":
    unittest.main()
