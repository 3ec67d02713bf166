"""The shipped parameters with changes, and what is said of wrong ones."""

import copy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wsss_core.params import ParamsError, validate

SHIPPED = Path(__file__).parents[1] / "params.yaml"
READ = YAML(typ="safe").load(SHIPPED.read_text(encoding="utf-8"))


def content(**changes) -> dict:
    """The shipped parameters with changes such as `random_walk__beta=9`."""
    values = copy.deepcopy(READ)
    for place, value in changes.items():
        *sections, key = place.split("__")
        target = values
        for section in sections:
            target = target[section]
        target[key] = value
    return values


def complaint(**changes) -> str:
    with pytest.raises(ParamsError) as caught:
        validate(content(**changes), source="params.yaml")
    return str(caught.value)
