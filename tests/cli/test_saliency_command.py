"""`wsss saliency`: figures of folders of maps and of detectors."""

import typing

import numpy as np
import pytest
import torch
from u2net_files import trained
from workspace import Workspace, error_message

from wsss_core import artifacts, layout, registry
from wsss_core.cli.main import main
from wsss_core.inference import saliency as saliency_inference
from wsss_core.sections.saliency import Saliency
from wsss_core.supervision import SALIENCY_NETWORKS


def saliency(workspace: Workspace, *arguments: str):
    return workspace.invoke(main, "saliency", *arguments)


def figures(text: str, name: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
    return [float(value) for value in line.split()[-4:]]


def perfect(workspace: Workspace, split: str) -> None:
    """Write each image's objects as its map."""
    from wsss_core.data.index import Index

    index = Index.open(workspace.folder / layout.INDEX)
    for image_id in index.ids(split):
        mask = artifacts.read_labels(workspace.folder / "data/raw/scenes_tiny/SegmentationClass", image_id)
        artifacts.write_grey(workspace.folder / "maps", image_id, (mask > 0).astype(float))


def test_every_detector_and_every_network_can_be_named():
    named = typing.get_args(Saliency.model_fields["method"].annotation)
    assert {*registry.detectors(), *SALIENCY_NETWORKS, "folder"} == set(named)


def test_true_objects_are_scored_perfectly(pipeline):
    perfect(pipeline, "val")
    result = saliency(pipeline, "maps")
    assert result.exit_code == 0, result.output
    assert "val, 3 images" in result.output
    assert figures(result.output, "maps") == [1.0, 1.0, 0.0, 0.0]


def test_a_detector_stands_beside_a_folder(pipeline):
    perfect(pipeline, "train")
    result = saliency(pipeline, "maps", "--detector", "rbd", "--split", "train")
    max_f, adaptive_f, mae, stretched = figures(result.output, "rbd")
    assert 0 < adaptive_f <= 1 and 0 < max_f < 1 and 0 < mae < 1 and 0 < stretched < 1
    assert figures(result.output, "maps")[0] == 1


def test_the_maps_of_the_saliency_stage_are_those_of_its_detector(pipeline):
    text = saliency(pipeline, str(layout.SALIENCY), "--detector", "rbd", "--split", "train").output
    np.testing.assert_allclose(figures(text, "data/saliency"), figures(text, "rbd"), atol=0.005)  # 8 bit


def test_a_patent_wants_a_word(pipeline):
    assert "--acknowledge-patents" in error_message(saliency(pipeline, "--detector", "mr"), code=2)
    assert saliency(pipeline, "--detector", "mr", "--acknowledge-patents").exit_code == 0


def test_nothing_to_score(pipeline):
    assert "name folders of maps" in error_message(saliency(pipeline), code=2)


def test_a_folder_without_the_maps(pipeline):
    message = error_message(saliency(pipeline, "data/saliency"), code=1)
    assert "data/saliency lacks the saliency maps of 3 of 3 images" in message


@pytest.mark.parametrize("split", ["train", "val"])
def test_without_masks_there_is_nothing_to_compare_with(pipeline, split):
    for path in (pipeline.folder / "data/raw/scenes_tiny/SegmentationClass").glob("*.png"):
        path.unlink()
    message = error_message(saliency(pipeline, "--detector", "rbd", "--split", split), code=1)
    assert message == f"no {split} image has a mask to score against"


def test_a_network_stands_beside_a_folder_and_takes_its_weights_from_an_option(pipeline, monkeypatch):
    monkeypatch.setattr(saliency_inference, "INPUT_SIZE", 48)
    perfect(pipeline, "val")
    torch.save(trained().state_dict(), pipeline.folder / "net.pth")
    result = saliency(pipeline, "maps", "--detector", "u2netp", "--weights", "net.pth")
    assert result.exit_code == 0, result.output
    max_f, _, mae, _ = figures(result.output, "u2netp")
    assert 0 < max_f < 1 and 0 < mae < 1
    assert figures(result.output, "maps")[0] == 1


def test_a_network_without_weights_wants_some(pipeline):
    assert "method: u2netp needs `weights`" in error_message(saliency(pipeline, "--detector", "u2netp"), code=2)
