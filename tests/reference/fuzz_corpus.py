"""Seeds for tests/fuzz: small files of each reader's kind, by numpy, Pillow, safetensors and Python's
own gzip, tarfile and zipfile, and the size bombs that readers must refuse before they allocate.

Writes tests/fuzz/corpus/<reader>/. The fuzzer takes tests/fixtures beside them.
"""

import gzip
import io
import json
import pathlib
import struct
import tarfile
import zipfile

import numpy
import safetensors.numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
HUGE = 2**60


def seed(reader, name, data):
    folder = CORPUS / reader
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


def picture(kind, size=(5, 3), mode="RGB", **options):
    image = Image.new(mode, size)
    image.putdata([(40 * i % 256,) * len(mode) if len(mode) > 1 else 40 * i % 256
                   for i in range(size[0] * size[1])])
    return saved(image.save, kind, **options)


def idx(sizes, data):
    header = struct.pack(f">I{len(sizes)}I", 0x800 + len(sizes), *sizes)
    return header + data


def mnist(images, labels):
    return struct.pack(">H", len(images)) + images + labels


def npy_header(shape, descr="<f4"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def with_header(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tar(files, kind):
    blocks = b""
    for name, data in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        blocks += info.tobuf(kind) + data.ljust(-(-len(data) // 512) * 512, b"\0")
    return blocks + bytes(1024)


def tar_bomb():
    info = tarfile.TarInfo("a.png")
    info.size = HUGE
    return info.tobuf(tarfile.GNU_FORMAT)


def zipped(files, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def zip64_bomb():
    """A directory entry whose zip64 field claims 2^60 bytes."""
    data = bytearray(zipped({"a.png": b"x"}))
    entry = data.index(b"PK\x01\x02")
    extra = struct.pack("<HHQQ", 1, 16, HUGE, HUGE)
    data[entry + 20 : entry + 28] = b"\xff" * 8  # both sizes: see the extra field
    data[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    data[entry + 46 + 5 : entry + 46 + 5] = extra
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", end - entry)
    return bytes(data)


def huge_storage():
    """torch.save's zip with a tensor of 2^60 numbers in a storage of none."""
    number = b"\x8a\x08" + struct.pack("<Q", HUGE)
    pickle = (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
              b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number + b"tQK\x00"
              + number + b"\x85K\x01\x85\x89}tR.")
    return zipped({"archive/data.pkl": pickle, "archive/data/0": b""})


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def rebuilt(numel, shape):
    """The opcodes of a tensor of this shape, whose strides are 1, in storage 0."""
    sizes = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in shape) + b"t"
    strides = b"(" + b"K\x01" * len(shape) + b"t"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") + b"ctorch\nFloatStorage\n"
            + text(b"0") + text(b"cpu") + b"J" + struct.pack("<i", numel) + b"tQK\x00" + sizes + strides
            + b"\x89}tR")


def doubled(item, levels):
    """A list of `item` 2^levels times, each level of lists holding the one below twice."""
    pickle = b"\x80\x02" + item + b"q\x00"
    for level in range(levels):
        pickle += b"](h" + bytes([level]) + b"h" + bytes([level]) + b"eq" + bytes([level + 1])
    return pickle + b"."


def torch_zip(pickle, data, method=zipfile.ZIP_STORED):
    return zipped({"m/data.pkl": pickle, "m/data/0": data}, method)


images = idx([3, 2, 2], bytes(range(12)))
labels = idx([3], bytes([1, 2, 3]))
pictures = {"cats/1.png": picture("png"), "dogs/2.jpg": picture("jpeg", mode="L")}
outside = {"../../up.png": picture("png"), "/root.png": picture("png")}
record = bytes([3]) + bytes(range(256)) * 12
points = numpy.arange(6, dtype=numpy.float32).reshape(3, 2)

config = (ROOT / "configs" / "mnist.json").read_bytes()
seed("config", "mnist", config)
seed("config", "cifar", (ROOT / "configs" / "cifar.json").read_bytes())
seed("config", "override", b'{"train": {"steps": 3}}\0train.steps=5\0data.type=mnist\0'
     b"model.channel_multipliers=[1,2]")
seed("config", "deep", b'{"a":' * 200)
seed("config", "number", b'{"train": {"steps": 1e400}}')

seed("safetensors", "two", safetensors.numpy.save({"a": points, "b": numpy.ones(3, bool)}, {"k": "v"}))
seed("safetensors", "empty", with_header({}))
seed("safetensors", "bomb", with_header(
    {"a": {"dtype": "F32", "shape": [HUGE // 4], "data_offsets": [0, HUGE]}}))
seed("safetensors", "long_header", struct.pack("<Q", HUGE) + b"{}")

seed("checkpoint", "bomb", huge_storage())
seed("checkpoint", "text", zipped({"m/data.pkl": b"\x80\x02}X\x01\x00\x00\x00aK\x01s."}))
seed("checkpoint", "bomb_packed", torch_zip(b"\x80\x02" + b"N" * (4 << 20) + b".", b"",
                                            zipfile.ZIP_DEFLATED))
seed("checkpoint", "bomb_shared", torch_zip(doubled(rebuilt(1, [1] * 64), 15), bytes(4)))
seed("checkpoint", "bomb_views", zipped({"m/data.pkl": doubled(rebuilt(1024, [1024]), 13),
                                         "m/data/0": bytes(4096)}))

metrics = [b'{"step":%d,"time":%d.5,"train/loss":%s}\n' % line
           for line in [(1, 10, b"0.5"), (2, 11, b"null"), (3, 12, b"1e-3")]]
seed("metrics", "whole", b"".join(metrics))
seed("metrics", "torn", b"".join(metrics)[:-5])
seed("metrics", "kinds", b'{"step":"x","time":1}\n{"step":1e300,"time":1}\n{"step":4,"time":[]}\n[1]\n'
     b'{"step":18446744073709551615,"time":1}\n' + metrics[0])
seed("metrics", "none", b"{}\nnull\n\n" + b"[" * 2000)

seed("npy", "floats", saved(numpy.save, points))
seed("npy", "fortran", saved(numpy.save, numpy.asfortranarray(points.astype(numpy.int16))))
seed("npy", "images", saved(numpy.save, numpy.zeros((2, 3, 3, 3), numpy.uint8)))
seed("npy", "bomb", npy_header((HUGE,)))
seed("npy", "overflow", npy_header((2**32, 2**32, 4)))

seed("npy", "empty", npy_header((0, 2**62, 2**62)))

seed("npz", "two", saved(numpy.savez, points, b=numpy.arange(3)))
seed("npz", "packed", saved(numpy.savez_compressed, arr_0=numpy.zeros((9, 4, 4), numpy.uint8)))
seed("npz", "bomb", zipped({"a.npy": npy_header((HUGE,))}, zipfile.ZIP_DEFLATED))

seed("mnist", "plain", mnist(images, labels))
seed("mnist", "packed", mnist(gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)))
seed("mnist", "bomb", mnist(idx([2**32 - 1, 4096, 4096], b""), labels))

seed("cifar10", "packed", gzip.compress(record * 3, mtime=0))
seed("cifar10", "short", gzip.compress(record[:-1], mtime=0))

seed("png", "palette", picture("png", mode="P"))
seed("png", "alpha", picture("png", mode="RGBA"))
seed("png", "bomb", b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 100_000, 100_000,
                                                       8, 2, 0, 0, 0, 0))
wide = struct.pack(">4sIIBBBBB", b"IHDR", 12_000, 12_000, 8, 0, 0, 0, 0)  # 144 MB out of 5 KB
seed("png", "wide", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + wide + bytes(4)
     + struct.pack(">I4s", 5000, b"IDAT") + bytes(5004))
seed("jpeg", "baseline", picture("jpeg"))
seed("jpeg", "progressive", picture("jpeg", size=(17, 9), mode="L", progressive=True))
large = bytearray(picture("jpeg"))
frame = large.index(b"\xff\xc0")
large[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
seed("jpeg", "bomb", bytes(large))

seed("bmp", "palette", picture("bmp", mode="L"))
seed("bmp", "colour", picture("bmp"))
seed("bmp", "bomb", b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 16_000, 16_000, 1, 24, 0, 0, 0,
                                        0, 0, 0))
seed("gif", "palette", picture("gif", mode="L", interlace=0))
seed("gif", "interlaced", picture("gif", size=(9, 9), mode="L", interlace=1))
seed("gif", "bomb", b"GIF89a" + struct.pack("<HHBBB6xBHHHHBB", 16_000, 16_000, 0x80, 0, 0, 0x2c, 0, 0,
                                            16_000, 16_000, 0, 2) + b"\x01\x44\x00")
seed("tiff", "plain", picture("tiff"))
seed("tiff", "packed", picture("tiff", mode="L", compression="tiff_lzw"))
tiff = bytearray(picture("tiff", mode="L"))
for tag in (256, 257, 278):  # width, height, rows per strip
    entry = tiff.index(struct.pack("<H", tag), 8)
    tiff[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, 16_000)
seed("tiff", "bomb", bytes(tiff))
seed("webp", "lossy", picture("webp"))
seed("webp", "lossless", picture("webp", mode="RGBA", lossless=True))
webp = bytearray(picture("webp", lossless=True))
size = webp.index(b"VP8L") + 9
webp[size : size + 4] = struct.pack("<I", 15_999 | 15_999 << 14)
seed("webp", "bomb", bytes(webp))

seed("zip", "stored", zipped(pictures))
seed("zip", "deflated", zipped(pictures, zipfile.ZIP_DEFLATED))
seed("zip", "outside", zipped(outside))
seed("zip", "bomb", zip64_bomb())

seed("tar", "pax", tar({"long/" * 30 + name: data for name, data in pictures.items()},
                       tarfile.PAX_FORMAT))
seed("tar", "outside", tar(outside, tarfile.GNU_FORMAT))
seed("tar", "bomb", tar_bomb())
seed("tar_gz", "gnu", gzip.compress(tar(pictures, tarfile.GNU_FORMAT), mtime=0))
seed("tar_gz", "cut", gzip.compress(tar(pictures, tarfile.USTAR_FORMAT), mtime=0)[:-20])
