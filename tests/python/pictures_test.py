"""Every kind of picture that is read has the pixels that Pillow reads, and what is not read is named.

Exit code 77 (skipped) when DIFFUSE_PROGRAM is not set or Pillow is missing.
"""

import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zlib

try:
    import numpy
    from PIL import Image, ImageOps
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

SIDE = 64
TURN = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"  # EXIF's orientation 6


def smooth():
    """A picture without sharp edges, which lossy formats keep well."""
    y, x = numpy.mgrid[0:SIDE, 0:SIDE] / SIDE
    planes = [0.5 + 0.4 * numpy.sin(5 * x), y, 0.5 + 0.3 * numpy.cos(4 * (x + y))]
    return Image.fromarray((255 * numpy.stack(planes, 2)).clip(0, 255).astype(numpy.uint8))


PICTURE = smooth()


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_alpha():
    alpha = Image.fromarray(numpy.tile(numpy.arange(SIDE, dtype=numpy.uint8) * 4, (SIDE, 1)))
    image = PICTURE.copy()
    image.putalpha(alpha)
    return image


def turned(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(PICTURE, kind, exif=exif)


def edited(data, at, value):
    return data[:at] + value + data[at + len(value):]


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(depth, colour, rows, interlaced=0, extra=b"", end=chunk(b"IEND", b"")):
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(rows)) + end)


def rows_of(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def pngs():
    pixels = numpy.asarray(PICTURE)
    adam7 = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2),
             (1, 2, 0, 1)]
    passes = b"".join(rows_of(pixels[y::dy, x::dx]) for y, dy, x, dx in adam7)
    plain = rows_of(pixels)
    return {"plain.png": saved(PICTURE, "png"),
            "palette.png": saved(PICTURE.quantize(200), "png"),
            "palette4.png": saved(PICTURE.quantize(16), "png", bits=4),
            "palette2.png": saved(PICTURE.quantize(4), "png", bits=2),
            "bits.png": saved(PICTURE.convert("1"), "png"),
            "grey.png": saved(PICTURE.convert("L"), "png"),
            "alpha.png": saved(with_alpha(), "png"),
            "deep.png": png(16, 2, rows_of((pixels.astype(">u2") * 257))),
            "interlaced.png": png(8, 2, passes, interlaced=1),
            "no_end.png": png(8, 2, plain, end=b""),
            "half_end.png": png(8, 2, plain, end=b"\0\0\0\0IE"),
            "bad_end.png": png(8, 2, plain, end=chunk(b"IEND", b"", 7)),
            "turned_behind.png": png(8, 2, plain, end=chunk(b"eXIf", TURN) + chunk(b"IEND", b"")),
            "bad_checksum.png": png(8, 2, plain, extra=chunk(b"gAMA", bytes([0, 0, 177, 143]), 7)),
            "gamma.png": png(8, 2, plain, extra=chunk(b"gAMA", struct.pack(">I", 100000))),
            "profile.png": saved(PICTURE, "png", icc_profile=b"no profile " * 20)}


def jpegs():
    plain = saved(PICTURE, "jpeg", quality=90)
    progressive = saved(PICTURE, "jpeg", quality=90, progressive=True)
    inks = saved(PICTURE.convert("CMYK"), "jpeg", quality=90)
    scan, table = plain.index(b"\xff\xda"), plain.index(b"\xff\xdb")
    adobe = inks.index(b"Adobe")
    return {"plain.jpg": plain, "progressive.jpg": progressive,
            "grey.jpeg": saved(PICTURE.convert("L"), "jpeg", quality=90),
            "cmyk.jpg": inks, "ycck.jpg": edited(inks, adobe + 11, b"\2"),
            "turned.jpg": turned("jpeg"),
            "samsung.jpg": edited(plain, scan + 6 + 2 * plain[scan + 4], b"\0"),
            "extraneous.jpg": plain[:table] + b"\0\0\0\0" + plain[table:],
            "version.jpg": edited(plain, plain.index(b"JFIF") + 5, b"\3"),
            "density.jpg": edited(plain, plain.index(b"JFIF") + 7, b"\7\0\0\0\0"),
            "no_end.jpg": plain[:-2], "progressive_no_end.jpg": progressive[:-2],
            "tail.jpg": plain + b"SEFT" * 9,
            "png_inside.jpg": saved(PICTURE, "png"), "jpeg_inside.png": plain,
            "a.jfif": plain, "b.jpe": plain, "C.JPG": plain, "no_ending": plain}


def tiff(array, **tags):
    """Uncompressed, in one strip, or in tiles of 16 x 16 where tags[tile] is set."""
    tile = tags.pop("tile", False)
    height, width, channels = array.shape
    pieces = ([array[y:y + 16, x:x + 16] for y in range(0, height, 16) for x in range(0, width, 16)]
              if tile else [array])
    data = [numpy.ascontiguousarray(piece).tobytes() for piece in pieces]
    offsets = [8 + sum(map(len, data[:i])) for i in range(len(data))]
    sizes = [len(piece) for piece in data]
    bits = [8 * array.itemsize] * channels
    fields = {256: [width], 257: [height], 258: bits, 259: [1],
              262: [tags.get("colours", 2 if channels > 2 else 1)], 277: [channels]}
    fields |= {322: [16], 323: [16], 324: offsets, 325: sizes} if tile else {273: offsets, 279: sizes}
    if "extra" in tags:
        fields[338] = [tags["extra"]]
    if "kind" in tags:
        fields[339] = [tags["kind"]] * channels
    body, directory = b"".join(data), b""
    end = 8 + len(body) + 2 + 12 * len(fields) + 4
    behind = b""
    for tag, values in sorted(fields.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, behind = struct.pack("<I", end + len(behind)), behind + packed
        directory += struct.pack("<HHI", tag, 4, len(values)) + packed
    return (b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(fields))
            + directory + b"\0\0\0\0" + behind)


def others():
    tiffs = {f"{name}.tif": saved(PICTURE, "tiff", compression=name)
             for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")}
    tiffs |= {f"{mode}.tiff": saved(PICTURE.convert(mode), "tiff") for mode in ("L", "1", "P", "CMYK")}
    bmp = {f"{mode}.bmp": saved(PICTURE.convert(mode), "bmp") for mode in ("RGB", "L", "1", "P")}
    return tiffs | bmp | {
        "tiles.tif": tiff(numpy.asarray(PICTURE), tile=True),
        "grey_alpha.tif": saved(with_alpha().convert("LA"), "tiff"),
        "unknown_channel.tif": tiff(numpy.asarray(with_alpha()), extra=0),
        "turned.tiff": turned("tiff"),
        "alpha.tiff": saved(with_alpha(), "tiff"),
        "wide.bmp": saved(with_alpha().convert("RGBA"), "bmp"),
        "lossy.webp": saved(PICTURE, "webp", quality=90),
        "lossless.webp": saved(PICTURE, "webp", lossless=True),
        "alpha.webp": saved(with_alpha(), "webp", lossless=True, exact=True),
        "turned.webp": turned("webp"),
        "film.webp": saved(PICTURE, "webp", lossless=True, save_all=True,
                           append_images=[PICTURE.rotate(90)]),
        "plain.gif": saved(PICTURE.quantize(100), "gif", interlace=0),
        "interlaced.gif": saved(PICTURE.quantize(100), "gif", interlace=1),
        "film.gif": saved(PICTURE.quantize(100), "gif", save_all=True,
                          append_images=[PICTURE.rotate(90).quantize(100)])}


def by_pillow(data):
    """Upright, in colour, on white."""
    image = Image.open(io.BytesIO(data))
    with unittest.mock.patch("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True):
        image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA"):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return numpy.asarray(image.convert("RGB")).astype(int)


def inspect(source, *flags):
    command = [os.environ["DIFFUSE_PROGRAM"], "data", "inspect", str(source), "--json", "-", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)["files"]


class PicturesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def read(self, files):
        """What the program makes of each file: tiles of its grid, in the order of their names."""
        train = self.folder / "train"
        train.mkdir()
        (self.folder / "val").mkdir()
        (self.folder / "val" / "1.png").write_bytes(saved(PICTURE, "png"))
        for name, data in files.items():
            (train / name).write_bytes(data)
        found = inspect(self.folder, "-o", str(self.folder / "grid.png"))
        without = [line for line in found["left_out"] if "build with" in line]
        names = [name for name in sorted(files) if not any(name in line for line in without)]
        self.assertEqual(found["bad"], [])
        self.assertEqual(found["count"], len(names) + 1)
        grid = numpy.asarray(Image.open(self.folder / "grid.png").convert("RGB")).astype(int)
        columns = int(numpy.ceil(numpy.sqrt(len(names))))
        zoom = grid.shape[1] // (columns * SIDE)
        gap = (grid.shape[1] - columns * SIDE * zoom) // (columns + 1)
        tile = SIDE * zoom + gap
        for i, name in enumerate(names):
            y, x = gap + i // columns * tile, gap + i % columns * tile
            yield name, grid[y:y + SIDE * zoom:zoom, x:x + SIDE * zoom:zoom]

    def compare(self, files):
        for name, pixels in self.read(files):
            with self.subTest(name):
                self.assertLessEqual(abs(pixels - by_pillow(files[name])).max(), 2)

    def test_png_is_read_as_pillow_does(self):
        files = pngs()
        for name, pixels in self.read(files):
            whole = name not in ("no_end.png", "half_end.png", "bad_end.png",
                                 "bad_checksum.png")  # others refuse it
            wanted = by_pillow(files[name] if whole else files["plain.png"])
            with self.subTest(name):
                self.assertLessEqual(abs(pixels - wanted).max(), 1)

    def test_jpeg_is_read_as_pillow_does(self):
        self.compare(jpegs())

    def test_tiff_bmp_webp_and_gif_are_read_as_pillow_does(self):
        self.compare(others())

    def test_damaged_pictures_stay_faults(self):
        plain, progressive = jpegs()["plain.jpg"], jpegs()["progressive.jpg"]
        scans = [i for i in range(len(progressive)) if progressive[i:i + 2] == b"\xff\xda"]
        bad = {"cut.jpg": plain[:-40], "cut_scan.jpg": progressive[:scans[-1]],
               "bad.png": edited(pngs()["plain.png"], 200, b"\0\0\0\0\0"),
               "cut.png": pngs()["plain.png"][:-40], "cut.bmp": others()["RGB.bmp"][:-9],
               "text.png": b"<html>not found</html>", "avif.jpg": saved(PICTURE, "avif")}
        for i in range(3):
            (self.folder / f"{i}.png").write_bytes(saved(PICTURE, "png"))
        for name, data in bad.items():
            (self.folder / name).write_bytes(data)
        found = inspect(self.folder)["bad"]
        self.assertEqual([line.split(": ")[0].split("/")[-1] for line in found], sorted(bad))
        self.assertIn("avif.jpg: AVIF, which is not supported; convert to PNG or JPEG", found[0])
        self.assertIn("expected PNG, JPEG", found[-1])

    def test_tiffs_that_would_be_read_as_something_else_are_refused(self):
        grey = numpy.zeros((SIDE, SIDE, 2), numpy.uint16)
        files = {"deep.tif": (tiff(grey, extra=2), "16 bits"),
                 "lab.tif": (tiff(numpy.asarray(PICTURE), colours=8), "L*a*b*"),
                 "signed.tif": (tiff(grey[..., :1], kind=2), "signed numbers")}
        (self.folder / "a.png").write_bytes(saved(PICTURE, "png"))
        for name, (data, _) in files.items():
            (self.folder / name).write_bytes(data)
        found = inspect(self.folder)
        if "build with libtiff" in str(found["left_out"]):
            self.skipTest("built without libtiff")
        for (_, words), line in zip(files.values(), found["bad"], strict=True):
            self.assertIn(words, line)

    def test_what_is_not_read_is_named_and_counted(self):
        for i in range(3):
            (self.folder / f"{i}.png").write_bytes(saved(PICTURE, "png"))
            (self.folder / f"{i}.AVIF").write_bytes(saved(PICTURE, "avif"))
            (self.folder / f"{i}.txt").write_text("a caption")
        (self.folder / "hidden").write_bytes(saved(PICTURE, "avif"))
        self.assertEqual(inspect(self.folder)["left_out"], [
            "AVIF pictures, not supported; convert to PNG or JPEG: 4 (0.AVIF, 1.AVIF, 2.AVIF, ...)",
            "files that are not pictures: 3 (0.txt, 1.txt, 2.txt)"])


if __name__ == "__main__":
    unittest.main()
