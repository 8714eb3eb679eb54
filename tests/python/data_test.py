"""Data sets as other programs write them, through `diffuse data inspect`.

Archives by zipfile and tarfile, pictures by Pillow, arrays by NumPy. Exit code 77 (skipped) when
DIFFUSE_PROGRAM is not set or Pillow is missing.
"""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

try:
    import numpy
    from PIL import Image
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)


def inspect(source, *flags):
    command = [os.environ["DIFFUSE_PROGRAM"], "data", "inspect", str(source), "--json", "-", *flags]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def picture(kind):
    """The bytes of a 70 x 64 picture of one of the kinds that folders hold."""
    image = Image.new("RGB", (70, 64), (200, 100, 50))
    file = io.BytesIO()
    if kind == "16-bit":
        Image.fromarray(numpy.full((64, 70), 40000, numpy.uint16)).save(file, "png")
    elif kind == "jpeg":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(file, "jpeg", exif=exif)
    else:
        image.convert(kind).save(file, "png")
    return file.getvalue()


class DataTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def files(self):
        kinds = ["L", "LA", "RGB", "RGBA", "P", "1", "16-bit", "jpeg"]
        files = {f"all/{'ab'[i % 2]}/{i}.png": picture(kind) for i, kind in enumerate(kinds)}
        files["all/b/bad.jpg"] = picture("jpeg")[:200]
        return files

    def write_set(self):
        for name, data in self.files().items():
            path = self.folder / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def test_what_a_folder_holds_is_told_in_text(self):
        self.write_set()
        command = [os.environ["DIFFUSE_PROGRAM"], "data", "inspect", str(self.folder / "set")]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self.assertIn("9 pictures, 1 unreadable; 64x64 to 70x70 pixels, 4 grey", text)
        self.assertRegex(text, r"classes  2 \(training items\): a 3 b 4\n")
        self.assertRegex(text, r"bad      .*bad.jpg")

    def test_folder_and_archives_are_the_same_set(self):
        self.write_set()
        with zipfile.ZipFile(self.folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files().items():
                archive.writestr(name, data)
        with tarfile.open(self.folder / "set.tar", "w") as archive:
            archive.add(self.folder / "set", "set")
        found = [inspect(self.folder / name) for name in ("set", "set.zip", "set.tar")]
        for figures in found:
            self.assertEqual(figures["files"]["count"], 9)
            self.assertEqual(len(figures["files"]["bad"]), 1)
            self.assertIn("all/b/bad.jpg", figures["files"]["bad"][0])
            self.assertEqual(figures["files"]["min_width"], 64)  # the turned one
            self.assertEqual(figures["files"]["max_width"], 70)
            self.assertEqual(list(figures["classes"]), ["a", "b"])
            self.assertEqual(figures["mean"], found[0]["mean"])

    def test_moments_of_arrays_are_numpys(self):
        random = numpy.random.default_rng(0)
        array = random.normal(3, 2, (50, 2, 16)).astype(numpy.float32)
        numpy.savez_compressed(self.folder / "x.npz", signals=array)
        config = self.folder / "c.json"
        config.write_text(json.dumps({"data": {"type": "array", "path": str(self.folder / "x.npz"),
                                               "held_out": 1}}))
        figures = inspect(config)
        self.assertEqual(figures["sample_shape"], [2, 16])
        self.assertEqual((figures["train"], figures["held_out"]), (49, 1))
        for channel in range(2):  # one of fifty items is not counted
            self.assertAlmostEqual(figures["mean"][channel], array[:, channel].mean(), delta=0.1)
            self.assertAlmostEqual(figures["std"][channel], array[:, channel].std(), delta=0.1)

    def test_training_on_normalised_signals_samples_in_their_units(self):
        array = 100 + 5 * numpy.random.default_rng(0).normal(size=(40, 1, 8))
        numpy.save(self.folder / "x.npy", array)
        config = {"data": {"type": "array", "path": str(self.folder / "x.npy"), "normalize": True},
                  "model": {"channels": 8, "channel_multipliers": [1, 2], "blocks_per_level": 1,
                            "norm_groups": 4, "attention_resolutions": []},
                  "diffusion": {"timesteps": 10, "beta_end": 0.5},
                  "train": {"steps": 2, "batch_size": 8}, "sample": {"clip_x0": False}}
        (self.folder / "c.json").write_text(json.dumps(config))
        program, run = os.environ["DIFFUSE_PROGRAM"], self.folder / "run"
        train = [program, "train", "--config", self.folder / "c.json", "--out", run, "-q"]
        subprocess.run(train, check=True, capture_output=True)
        out = self.folder / "samples.npy"
        subprocess.run([program, "sample", "--ckpt", run, "-n", "32", "-o", out, "-q"], check=True,
                       capture_output=True)
        samples = numpy.load(out)
        self.assertEqual(samples.shape, (32, 1, 8))
        self.assertLess(abs(samples.mean() - 100), 5)


if __name__ == "__main__":
    unittest.main()
