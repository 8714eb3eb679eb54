"""Pictures and masks as Pillow writes them, through the editing commands.

The model is analytic: nothing is trained. Exit code 77 (skipped) when DIFFUSE_PROGRAM is not set or
Pillow is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    from PIL import Image
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

SIDE = 16
INSIDE = numpy.zeros((SIDE, SIDE), bool)  # what the masks mean: a square off the blocks of a JPEG
INSIDE[3:9, 5:12] = True


def run(*arguments):
    command = [os.environ["DIFFUSE_PROGRAM"], *map(str, arguments), "--device", "cpu"]
    return subprocess.run(command, capture_output=True, text=True)


class EditInputTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for channels, name in ((1, "grey"), (3, "colour")):
            config = {"model": {"type": "gaussian_oracle", "variance": 0.25},
                      "data": {"type": "shapes", "image_size": SIDE, "count": 20,
                               "channels": channels},
                      "diffusion": {"timesteps": 20, "beta_end": 0.3}}
            (self.folder / f"{name}.json").write_text(json.dumps(config))
        self.image = numpy.linspace(-0.9, 0.9, SIDE * SIDE, dtype=numpy.float32)
        self.image = self.image.reshape(1, SIDE, SIDE)
        numpy.save(self.folder / "image.npy", self.image)

    def inpaint(self, mask, **options):
        """mask: a picture, or the name of a file of one -> the run, and what it painted."""
        if isinstance(mask, Image.Image):
            file = self.folder / "mask.png"
            mask.save(file, **options)
            mask = file
        out = self.folder / "out.npy"
        out.unlink(missing_ok=True)
        done = run("inpaint", "--ckpt", self.folder / "grey.json", "--image",
                   self.folder / "image.npy", "--mask", mask, "-o", out)
        return done, numpy.load(out)[0, 0] != self.image[0] if out.exists() else None

    def expect_painted(self, mask, **options):
        done, painted = self.inpaint(mask, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        numpy.testing.assert_array_equal(painted, INSIDE)

    def expect_refused(self, mask, says):
        done, _ = self.inpaint(mask)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn(says, done.stderr)

    def test_white_is_painted_in_every_mode(self):
        grey = Image.fromarray(INSIDE.astype(numpy.uint8) * 255)
        for mode in ("1", "L", "P", "LA", "RGB", "RGBA"):
            with self.subTest(mode):
                self.expect_painted(grey.convert(mode))
        self.expect_painted(Image.fromarray(INSIDE.astype(numpy.uint8)))

    def test_white_is_painted_in_sixteen_bits(self):
        for white in (1, 255, 65535):
            with self.subTest(white):
                self.expect_painted(Image.fromarray(INSIDE.astype(numpy.uint16) * white))
        self.expect_refused(Image.fromarray(INSIDE.astype(numpy.uint16) * 1000),
                            "its maximum is 1000, but white is 65535")

    def layer(self, colour, alpha):
        layer = numpy.zeros((SIDE, SIDE, 4), numpy.uint8)
        layer[..., :3] = colour
        layer[..., 3] = alpha
        return Image.fromarray(layer)

    def test_alpha_says_what_is_painted(self):
        inside = INSIDE.astype(numpy.uint8)
        white = inside[..., None] * 255
        self.expect_painted(self.layer(255, inside * 255))  # white on transparent
        self.expect_painted(self.layer(white, inside * 255))  # the same, premultiplied
        self.expect_painted(self.layer(0, 255 - inside * 255))  # black with holes
        self.expect_painted(self.layer(white, 255 - inside * 255))
        self.expect_painted(self.layer(0, 1 - inside))  # opacities 0 and 1
        self.expect_painted(self.layer(white, 255))  # opaque
        self.expect_painted(self.layer(white, 128))  # half so everywhere
        grey = Image.fromarray(inside * 255)
        self.expect_painted(grey, transparency=0)  # a colour that is transparent
        self.expect_painted(grey, transparency=255)

    def test_alpha_that_leaves_it_open_is_refused(self):
        alpha = INSIDE.astype(numpy.uint8) * 255
        both = numpy.zeros((SIDE, SIDE, 1), numpy.uint8)
        both[:, 8:] = 255
        self.expect_refused(self.layer(both, alpha), "partly transparent, and neither")
        self.expect_refused(self.layer((255, 0, 0), alpha), "coloured, such as (255, 0, 0)")
        self.expect_refused(self.layer(255, 0), "transparent everywhere")

    def test_colours_and_palettes_of_labels_are_refused(self):
        red = Image.fromarray(INSIDE.astype(numpy.uint8))
        red.putpalette([0, 0, 0, 128, 0, 0])
        self.expect_refused(red, "coloured, such as (128, 0, 0)")
        self.expect_refused(Image.fromarray(INSIDE.astype(numpy.uint8) * 9), "its maximum is 9")

    def test_the_noise_of_a_jpeg_is_neither_painted_nor_kept(self):
        mask = Image.fromarray(INSIDE.astype(numpy.uint8) * 255)
        for quality in (50, 95):
            for mode in ("L", "RGB"):
                file = self.folder / "mask.jpg"
                mask.convert(mode).save(file, quality=quality)
                with self.subTest(quality=quality, mode=mode):
                    self.expect_painted(file)

    def read(self, model, picture, name="x.png", **options):
        """What the commands take a picture for: 0 steps from it to itself."""
        file, out = self.folder / name, self.folder / "read.npy"
        picture.save(file, **options)
        done = run("interpolate", "--ckpt", self.folder / f"{model}.json", "--from", file, "--to",
                   file, "--depth", 0, "--steps", 2, "-o", out)
        return done, numpy.load(out)[0] if done.returncode == 0 else None

    def expect_read(self, model, picture, wanted, **options):
        done, found = self.read(model, picture, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = numpy.asarray(wanted, numpy.float32)
        wanted = wanted[None] if wanted.ndim == 2 else wanted.transpose(2, 0, 1)
        numpy.testing.assert_allclose(found, wanted / 127.5 - 1, atol=1e-6)
        return done

    def test_pictures_are_read_as_pillow_reads_them(self):
        random = numpy.random.default_rng(0)
        rgb = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), numpy.uint8))
        grey = rgb.convert("L")
        self.expect_read("colour", rgb, rgb)
        self.expect_read("colour", grey, grey.convert("RGB"))
        self.expect_read("grey", grey, grey)
        self.expect_read("grey", grey.convert("RGB"), grey)
        self.expect_read("grey", grey.convert("P"), grey)
        palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
        self.expect_read("colour", palette, palette.convert("RGB"))
        wide = numpy.asarray(grey).astype(numpy.uint16) * 257
        self.expect_read("grey", Image.fromarray(wide), grey)

    def test_transparent_parts_are_white_and_said_to_be(self):
        picture = self.layer((10, 20, 30), INSIDE.astype(numpy.uint8) * 255)
        white = Image.new("RGBA", picture.size, "white")
        wanted = Image.alpha_composite(white, picture).convert("RGB")
        done = self.expect_read("colour", picture, wanted)
        self.assertIn("transparent parts are read as white", done.stderr)

    def test_pictures_are_turned_upright(self):
        grey = Image.fromarray(numpy.arange(256, dtype=numpy.uint8).reshape(SIDE, SIDE))
        exif = Image.Exif()
        exif[0x0112] = 6
        self.expect_read("grey", grey, grey.transpose(Image.Transpose.ROTATE_270), exif=exif)

    def test_pictures_of_another_range_are_refused(self):
        dark = Image.fromarray(INSIDE.astype(numpy.uint8))
        for picture in (dark, Image.fromarray(INSIDE.astype(numpy.uint16) * 255)):
            done, _ = self.read("grey", picture)
            self.assertEqual(done.returncode, 2)
            self.assertIn("so it would be black", done.stderr)
        done, found = self.read("grey", Image.new("L", (SIDE, SIDE)))
        self.assertEqual(found.max(), -1)  # all black is a picture


if __name__ == "__main__":
    unittest.main()
