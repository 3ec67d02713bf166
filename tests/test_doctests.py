"""The examples in docstrings do what they show."""

import contextlib
import doctest
import importlib

import numpy as np
import pytest
from PIL import Image
from small_models import save_deeplab

from wsss_core.code_digest import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "wsss_core").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
MOST_CALLED = {
    "wsss_core": ["load"],
    "wsss_core.artifacts": ["read_labels", "read_scores"],
    "wsss_core.data.index": ["Index"],
    "wsss_core.data.saliency_maps": ["SaliencyMaps.open"],
    "wsss_core.evaluation.confusion": ["Confusion"],
    "wsss_core.evaluation.saliency": ["SaliencyScores"],
    "wsss_core.inference.segmenter": ["Segmenter"],
    "wsss_core.ops.cam": ["background", "over_maximum", "with_background"],
    "wsss_core.ops.crf": ["dense_crf"],
    "wsss_core.ops.fusion": ["fuse"],
    "wsss_core.ops.fusion.soft": ["soft_scores"],
    "wsss_core.ops.grids": ["read", "store"],
    "wsss_core.ops.network_cells": ["at_pixels"],
    "wsss_core.ops.pairs": ["affinities"],
    "wsss_core.ops.random_walk": ["propagate", "transition_matrix"],
    "wsss_core.ops.saliency.detection": ["detect"],
}


@pytest.fixture(scope="module")
def working_folder(tmp_path_factory):
    """Where examples run: it holds a model and a photograph, and takes what they write."""
    folder = tmp_path_factory.mktemp("examples")
    save_deeplab(folder / "models/deeplab")
    Image.fromarray(np.full((40, 60, 3), 128, dtype=np.uint8)).save(folder / "photograph.jpg")
    return folder


@pytest.mark.parametrize("module", MOST_CALLED)
def test_what_people_call_most_has_an_example(module):
    shown = {test.name for test in doctest.DocTestFinder().find(importlib.import_module(module)) if test.examples}
    assert shown >= {f"{module}.{name}" for name in MOST_CALLED[module]}


@pytest.mark.parametrize("module", MODULES)
def test_examples_do_what_they_show(module, working_folder):
    with contextlib.chdir(working_folder):
        result = doctest.testmod(importlib.import_module(module))
    assert result.attempted and not result.failed
