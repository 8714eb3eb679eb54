"""Archives and turned pictures for tests/io, by Python's zipfile and tarfile and by Pillow.

Writes tests/fixtures/{files.zip,gnu.tar,links.tar,links.zip,pax.tar,turned.jpg,turned.png} and prints the pixels
that Pillow's exif_transpose makes of a 3 x 2 picture for each of the eight orientations.
"""

import io
import pathlib
import tarfile
import zipfile

from PIL import Image, ImageOps

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
FILES = {"b/one.txt": b"one\n" * 1000, "a/two.txt": b"two", "deep/" * 30 + "three.txt": b"three"}


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            method = zipfile.ZIP_DEFLATED if len(data) > 100 else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), data, method)


def write_tar(path, kind):
    with tarfile.open(path, "w", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("a/"))
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def write_links():
    """a.txt, a hard and a symbolic link to it, a hard link to nothing."""
    with tarfile.open(FOLDER / "links.tar", "w") as archive:
        for name, kind, target in [("a.txt", tarfile.REGTYPE, ""), ("hard.txt", tarfile.LNKTYPE, "a.txt"),
                                   ("soft.txt", tarfile.SYMTYPE, "a.txt"),
                                   ("broken.txt", tarfile.LNKTYPE, "b.txt")]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"a"))
    with zipfile.ZipFile(FOLDER / "links.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), b"a")
        link = zipfile.ZipInfo("soft.txt")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, b"a.txt")


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


write_zip(FOLDER / "files.zip")
write_tar(FOLDER / "gnu.tar", tarfile.GNU_FORMAT)
write_tar(FOLDER / "pax.tar", tarfile.PAX_FORMAT)
write_links()

small = Image.new("L", (3, 2))
small.putdata(range(1, 7))
for orientation in range(1, 9):
    file = io.BytesIO()
    small.save(file, "png", exif=exif(orientation))
    turned = ImageOps.exif_transpose(Image.open(file))
    print(orientation, turned.size, list(turned.getdata()))
small.save(FOLDER / "turned.png", exif=exif(6))

halves = Image.new("L", (32, 16))
halves.paste(255, (16, 0, 32, 16))  # black left, white right: turned by 6, white is below
halves.save(FOLDER / "turned.jpg", exif=exif(6))
