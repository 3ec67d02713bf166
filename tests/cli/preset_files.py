"""What the tests of presets and of params.yaml share: the command, and files as flat keys."""

import contextlib
from pathlib import Path

from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from wsss_core import presets
from wsss_core.cli.preset import preset
from wsss_core.params_file import written
from wsss_core.presets import read_preset

ROOT = Path(__file__).parents[2]
FILES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))
NAMES = sorted([*FILES, "scenes"])


def wsss_preset(*arguments: str) -> Result:
    return CliRunner().invoke(preset, arguments)


def values(text: str) -> dict:
    return YAML(typ="safe").load(text) or {}


def flat(keys: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    items = {}
    for key, value in keys.items():
        items.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return items


def with_every_key(name: str) -> str:
    """What `wsss preset use` writes where there is no file yet."""
    with contextlib.chdir(ROOT):
        return written(presets.params_with(read_preset(name), source=name))


def keys_of(name: str) -> dict:
    with contextlib.chdir(ROOT):
        return flat(read_preset(name))
