"""The examples in docstrings do what they show."""

import doctest
import importlib

import pytest

from wsss_core.code_digest import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "wsss_core").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
MOST_CALLED = {"wsss_core.inference.segmenter", "wsss_core.ops.cam"}


def test_what_people_call_most_has_an_example():
    assert set(MODULES) >= MOST_CALLED


@pytest.mark.parametrize("name", MODULES)
def test_examples_do_what_they_show(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed
