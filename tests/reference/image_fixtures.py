"""Writes the small images of tests/fixtures with Pillow and prints the pixels that
image_file_test.cpp expects of them. Needs pillow and numpy."""

import pathlib

import numpy
from PIL import Image

folder = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
folder.mkdir(exist_ok=True)

rgb = numpy.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], numpy.uint8)
grey = numpy.arange(64, dtype=numpy.uint8).reshape(8, 8) * 4

Image.fromarray(rgb).save(folder / "rgb.png")
Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
Image.fromarray(grey).save(folder / "grey.png")
Image.fromarray(numpy.array([[0, 255], [255, 0]], numpy.uint8)).convert("1").save(folder / "bits.png")
Image.fromarray(numpy.array([[0, 257], [32768, 65535]], numpy.uint16)).save(folder / "grey16.png")
alpha = numpy.dstack([rgb, numpy.array([[255, 128], [0, 64]], numpy.uint8)])
Image.fromarray(alpha, "RGBA").save(folder / "alpha.png")

ramp = numpy.dstack([grey, 255 - grey, grey // 2])
Image.fromarray(grey).save(folder / "grey.jpg", quality=95)
Image.fromarray(ramp).save(folder / "rgb.jpg", quality=95, progressive=True)
Image.fromarray(ramp).convert("CMYK").save(folder / "cmyk.jpg")
for name in ("grey.jpg", "rgb.jpg"):
    print(name, numpy.asarray(Image.open(folder / name))[[0, 3, 7], [0, 5, 7]].tolist())
print("luma", numpy.asarray(Image.fromarray(rgb).convert("L")).tolist())
