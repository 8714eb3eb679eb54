#!/usr/bin/env python3
"""Include lint: data flows one way through the rooms, and each package stays in its room.

Reads include/diffuse/<room> and src/<room>; prints FILE:LINE for each include that breaks a rule, and
each permission that no include uses.
"""

import pathlib
import re
import sys

# room -> what it may include besides itself
ROOMS = {
    "core": "",
    "config": "core",
    "distributed": "core",
    "files": "core",
    "arrays": "core files",
    "pictures": "core files",
    "logs": "core files pictures",
    "data": "core files arrays pictures config",
    "model": "core config",
    "diffusion": "core config",  # no networks: it takes any callable
    "sample": "core config model diffusion",  # no files
    "model_file": "core files arrays pictures distributed config data model diffusion sample",
    "train": "core files arrays pictures logs config distributed data model diffusion sample model_file",
    "eval": "core files arrays pictures config distributed data model diffusion sample model_file",
    "measure": "core files pictures config data model sample model_file train",
    "report": "core files arrays pictures config data diffusion model_file train",
    "c_api": "core config model_file",
    "cli": "core files arrays pictures config distributed data diffusion sample model_file train eval measure report",
}

# what an include begins with -> the only places, below include/diffuse or src, that may say so
PACKAGES = {
    "spdlog/": ["core/log.cpp"],
    "CLI/": ["cli/", "main.cpp"],
    "png.h": ["pictures/"],
    "jpeglib.h": ["pictures/"],
    "webp/": ["pictures/"],
    "tiffio.h": ["pictures/"],
    "gif_lib.h": ["pictures/"],
    "librsvg/": ["pictures/chart_png.cpp"],
    "ATen/cuda/": ["core/cuda/graph_plugin.cpp"],
    "c10/cuda/": ["core/cuda/graph_plugin.cpp"],
    "../": [],
    "torch/torch.h": [],  # half a minute a file: include the narrowest header that does
}

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^">]+)[">]')


def room_of(place: str) -> str:
    return "c_api" if place == "diffuse.h" else place.split("/")[0]


def target_of(included: str) -> str:
    """The room of an included header, or "" where it is none of ours."""
    for place in ("diffuse/", "src/"):
        if included.startswith(place):
            return room_of(included.removeprefix(place))
    return ""


def complaint(place: str, included: str) -> str:
    """Why `place` ("pictures/png.cpp") may not include `included`, or ""."""
    room = room_of(place)
    for prefix, allowed in PACKAGES.items():
        if included.startswith(prefix) and not place.startswith(tuple(allowed)):
            return f"{prefix} belongs in {' and '.join(allowed) or 'no file'}"
    target = target_of(included)
    if not target or room == "main.cpp":
        return ""
    if target not in ROOMS:
        return f"there is no room {target}"
    if target != room and target not in ROOMS[room].split():
        return f"{room} may include {', '.join(ROOMS[room].split()) or 'no other room'}; not {target}"
    return ""


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    broken = files = 0
    used = set()  # (room, room that it includes)
    for base in (root / "include" / "diffuse", root / "src"):
        for path in sorted(base.rglob("*")):
            place = path.relative_to(base).as_posix()
            if path.suffix not in (".h", ".cpp"):
                continue
            files += 1
            if room_of(place) not in ROOMS and place != "main.cpp":
                print(f"{path.relative_to(root)}: in none of the rooms")
                broken += 1
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                used.add((room_of(place), target_of(match[1])))
                why = complaint(place, match[1])
                if why:
                    print(f"{path.relative_to(root)}:{number}: {match[1]}: {why}")
                    broken += 1
    for room, allowed in ROOMS.items():
        for target in allowed.split():
            if (room, target) not in used:
                print(f"{room} may include {target}, but no file there does: strike it from ROOMS")
                broken += 1
    print(f"{files} files, {broken} broken rules" if broken else f"{files} files keep the layers")
    return 1 if broken or not files else 0


if __name__ == "__main__":
    sys.exit(main())
