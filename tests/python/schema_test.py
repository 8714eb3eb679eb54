#!/usr/bin/env python3
"""`diffuse schema` against the jsonschema package: it is a valid draft 2020-12 schema, takes every
recipe in configs/ and refuses common mistakes. Exit status 77: something it needs is missing."""

import json
import os
import pathlib
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("Skipped: no jsonschema package")
    sys.exit(77)
program = os.environ.get("DIFFUSE_PROGRAM")
if not program:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)

REFUSED = [
    {"train": {"step": 3}},
    {"tarin": {}},
    {"train": 3},
    {"train": {"batch_size": 0}},
    {"train": {"batch_size": 1.5}},
    {"train": {"batch_size": True}},
    {"train": {"learning_rate": 0}},
    {"train": {"learning_rates": {"conv_in": 0}}},
    {"train": {"learning_rates": ["conv_in"]}},
    {"train": {"freeze": "conv_in"}},
    {"train": {"ema_decay": 1}},
    {"model": {"type": "unett"}},
    {"model": {"channel_multipliers": []}},
    {"model": {"channel_multipliers": [1, 0]}},
    {"model": {"attention_resolutions": 16}},
    {"seed": -1},
]

schema = json.loads(subprocess.run([program, "schema"], check=True, capture_output=True).stdout)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)

recipes = sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.json"))
assert len(recipes) >= 5, recipes
for recipe in recipes:
    validator.validate(json.loads(recipe.read_text()))
validator.validate({"$schema": "x", "_comment": "x", "data": {"_comment": ["x"]}})
for document in REFUSED:
    assert not validator.is_valid(document), document
print(f"{len(recipes)} recipes taken, {len(REFUSED)} mistakes refused")
