"""`wsss adopt`: label maps that were changed by hand are refused until it has looked at them."""

import numpy as np
import pytest
from PIL import Image
from workspace import error_message

from wsss_core import artifacts, layout, supervision
from wsss_core.artifacts import MANIFEST
from wsss_core.cli.main import main

FOLDER = layout.PSEUDO_LABELS
NAME = "train_00002"


def change(pipeline, labels: np.ndarray, *, palette: bool = True) -> None:
    folder = pipeline.folder / FOLDER
    if palette:
        artifacts.write_labels(folder, NAME, labels)
    else:
        Image.fromarray(labels.astype(np.uint8)).save(folder / f"{NAME}.png")


def adopt(pipeline):
    return pipeline.invoke(main, "adopt", FOLDER)


def test_a_corrected_map_is_refused_until_it_is_adopted_and_then_trained_on(pipeline):
    change(pipeline, np.ones((64, 80)))
    message = pipeline.refusal("train_deeplab")
    assert f"1 changed ({FOLDER}/{NAME}.png)" in message
    assert f"run `wsss adopt {FOLDER}`" in message
    result = adopt(pipeline)
    assert result.exit_code == 0, result.output
    assert f"1 of 6 label maps of {FOLDER} are adopted. `dvc commit -f {FOLDER}` tells DVC" in result.output
    manifest = artifacts.read_json(pipeline.folder / FOLDER / MANIFEST)
    assert (manifest["stage"], manifest["supervision"]) == ("refine_crf, changed by hand", supervision.PIXELS)
    model = pipeline.files("models/deeplab")
    pipeline.run("train_deeplab")
    assert pipeline.files("models/deeplab") != model


@pytest.mark.parametrize(
    ("labels", "palette", "message"),
    [
        (np.full((64, 80), 200), True, "holds the label 200"),
        (np.ones((63, 80)), True, "is of 63 x 80 pixels, its photograph of 64 x 80"),
        (np.ones((64, 80)), False, "has no palette, or another than VOC's"),
    ],
    ids=["class", "size", "palette"],
)
def test_what_is_no_label_map_of_its_photograph_is_not_adopted(pipeline, labels, palette, message):
    change(pipeline, labels, palette=palette)
    before = pipeline.artifacts()
    assert message in error_message(adopt(pipeline), code=1)
    assert pipeline.artifacts() == before


@pytest.mark.parametrize(
    ("name", "message"), [(None, "lacks 1 of 6 files, train_00002.png first"), ("more.png", "holds 1 further files")]
)
def test_only_changed_maps_are_adopted(pipeline, name, message):
    path = pipeline.folder / FOLDER / f"{NAME}.png"
    path.unlink() if name is None else path.with_name(name).write_bytes(path.read_bytes())
    assert message in error_message(adopt(pipeline), code=1)


def test_a_folder_as_it_was_made_needs_no_adoption(finished, pipeline):
    assert "0 of 6 label maps" in adopt(pipeline).output
    assert pipeline.artifacts() == finished.artifacts()
