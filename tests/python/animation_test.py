"""Animations as another program reads them: every frame of a .webp and an .apng is the picture that a folder
holds, exactly.

Exit code 77 (skipped) when DIFFUSE_PROGRAM is not set.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from PIL import Image, features

if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def diffuse(*arguments):
    return subprocess.run([os.environ["DIFFUSE_PROGRAM"], *map(str, arguments)], capture_output=True, text=True,
                          cwd=ROOT)


class AnimationTest(unittest.TestCase):
    def check(self, ending):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for out in (folder / "frames", folder / f"film{ending}"):
                result = diffuse("forward", "--config", "configs/shapes.json", "--items", 4, "--frames", 5,
                                 "-o", out)
                if "this build" in result.stderr or "expected a name" in result.stderr:
                    self.skipTest(result.stderr)
                self.assertEqual(result.returncode, 0, result.stderr)
            film = self.enterContext(Image.open(folder / f"film{ending}"))
            pictures = sorted((folder / "frames").iterdir())
            self.assertEqual(film.n_frames, len(pictures))
            self.assertEqual(film.info["loop"], 0)
            for i, picture in enumerate(pictures):
                film.seek(i)
                film.load()
                self.assertEqual(film.convert("RGB").tobytes(), Image.open(picture).convert("RGB").tobytes())
                self.assertEqual(film.info["duration"], 2000 if i + 1 == len(pictures) else 60)

    def test_apng(self):
        self.check(".apng")

    @unittest.skipUnless(features.check("webp"), "Pillow without WebP")
    def test_webp(self):
        self.check(".webp")

    def test_reverse_process(self):
        with tempfile.TemporaryDirectory() as name:
            out = pathlib.Path(name) / "reverse.apng"
            result = diffuse("sample", "--ckpt", "configs/gaussian_oracle.json", "-n", 16, "--frames", 6, "-o", out)
            self.assertEqual(result.returncode, 0, result.stderr)
            with Image.open(out) as film:
                self.assertEqual(film.n_frames, 6)


if __name__ == "__main__":
    unittest.main()
