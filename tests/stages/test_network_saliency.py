"""The stage `saliency` with a network: maps, refusals, and what it costs a detector."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from u2net_files import trained
from workspace import ROOT, Killed, killer, replace_writer

from wsss_core import artifacts, layout
from wsss_core.inference import saliency as saliency_inference
from wsss_core.models import published_weights


@pytest.fixture
def small(pipeline, monkeypatch):
    """The finished run with the weights of a small network beside it, which sees pictures of 48 pixels."""
    monkeypatch.setattr(saliency_inference, "INPUT_SIZE", 48)
    torch.save(trained().state_dict(), pipeline.folder / "u2netp.pth")
    return pipeline.set(saliency={"method": "u2netp", "weights": "u2netp.pth"})


def maps(workspace) -> dict[str, np.ndarray]:
    folder = workspace.folder / layout.SALIENCY
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def test_every_training_image_gets_a_map_of_its_size(small):
    before = maps(small)
    after = maps(small.run("saliency"))
    assert {name: map.shape for name, map in after.items()} == {name: map.shape for name, map in before.items()}
    assert all(np.ptp(map) > 100 for map in after.values())


def test_left_unstretched_the_maps_are_the_networks_answers(small):
    stretched = maps(small.run("saliency"))
    plain = maps(small.set(saliency={"normalise": False}).run("saliency"))
    assert any(np.ptp(plain[name].astype(int)) < np.ptp(stretched[name].astype(int)) for name in plain)


def test_other_bytes_at_the_same_path_do_not_go_on_with_the_work_of_the_first(small, monkeypatch):
    broken, _ = killer(artifacts.write_grey, at=3)
    with monkeypatch.context() as patch:
        replace_writer(patch, "write_grey", broken)
        with pytest.raises(Killed):
            small.try_stage("saliency")
    state = trained().state_dict()
    state["outconv.weight"].neg_()
    torch.save(state, small.folder / "u2netp.pth")
    resumed = maps(small.run("saliency"))
    assert all(np.array_equal(map, maps(small.run("saliency"))[name]) for name, map in resumed.items())


@pytest.mark.parametrize("weights", ["gone.pth", "params.yaml"])
def test_weights_that_are_none_are_refused_in_a_sentence(small, weights):
    small.set(saliency={"weights": weights})
    assert weights in small.refusal("saliency")


def test_without_a_network_to_fetch_them_from_the_way_by_hand_is_told(small, monkeypatch, tmp_path):
    def unreachable(*arguments, **options):
        raise OSError("unreachable")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(published_weights, "urlopen", unreachable)
    small.set(saliency={"weights": "auto"})
    assert "fetch u2netp's weights by hand" in small.refusal("saliency")


@pytest.mark.parametrize(
    ("saliency", "reason"),
    [
        ({"method": "u2net", "weights": None}, "method: u2net needs `weights`: auto, or the path"),
        ({"method": "onnx", "weights": "auto"}, "method: onnx needs `weights`, the path"),
        ({"method": "u2nett"}, "u2nett"),
    ],
)
def test_parameters_without_what_a_network_needs(small, saliency, reason):
    small.set(saliency=saliency)
    assert reason in small.refusal("saliency", code=2)


def test_a_detector_starts_without_torch():
    code = "import stages.saliency, sys; print({'torch', 'timm', 'onnxruntime'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
