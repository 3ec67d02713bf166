"""The presets of published data sets: each runs all graphs on six pictures, as it stands but for a table of values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import timm
from drawn_sets import NUM_TRAIN, NUM_VAL, draw_coco, draw_saliency, draw_voc
from u2net_files import export, trained
from workspace import ROOT, Workspace, graph_of, preset_params, steps_of

from wsss_core import artifacts, layout, registry
from wsss_core.data.index import Index
from wsss_core.inference import saliency as saliency_inference
from wsss_core.models import u2net
from wsss_core.models.backbones.resnet38d import ResNet38d
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.params import Params, load_params

PRESETS = sorted(path.stem for pattern in ("voc12*", "coco*") for path in (ROOT / "presets").glob(f"{pattern}.yaml"))

OVERRIDES = {
    "*backbone.weights": lambda name: "none",
    "saliency.weights": lambda name: "u2net.onnx",  # of random weights
    "*.batch": lambda batch: 2,
    "*.epochs": lambda epochs: 2 * 2 / NUM_TRAIN,  # two steps of two pictures
    "*.augment.crop": lambda crop: min(crop, 65),
    "*.scales": lambda scales: [1.0, 0.5],
}
"""What becomes of a preset's value, by its place; null stays null, and all else is what `wsss preset use` writes."""

NARROW = {
    "resnet50.tv_in1k": {"channels": (16, 32, 64, 128)},
    "densenet169": {"growth_rate": 8},
    "resnet38d": {"width": 4},
}
"""A quarter to a sixteenth of the width, of networks of up to ten seconds a step and half a gigabyte; MobileNetV2 is
whole, U²-Net the small one on pictures of 96 pixels. `tests/models/test_preset_networks.py` has all others at full
width."""


def narrow_resnet38d() -> ResNet38d:
    """With branches a fifth as strong beside their shortcuts: its norms are frozen, and without the statistics of
    pretrained weights every block would double what passes."""
    net = ResNet38d(**NARROW["resnet38d"])
    for name, parameter in net.named_parameters():
        if name.endswith("conv_branch2a.weight"):
            parameter.data *= 0.2
    return net


def make_networks_narrow(patch: pytest.MonkeyPatch) -> None:
    """Build those of NARROW with fewer channels from here on."""
    whole = timm.create_model
    patch.setattr("wsss_core.models.backbones.resnet38d.ResNet38d", narrow_resnet38d)
    patch.setitem(u2net.VARIANTS, "u2net", u2net.VARIANTS["u2netp"])
    patch.setattr(saliency_inference, "INPUT_SIZE", 96)
    patch.setattr(timm, "create_model", lambda name, **options: whole(name, **{**NARROW.get(name, {}), **options}))


def overridden(params: dict, above: str = "") -> dict:
    """The parameters under OVERRIDES."""
    changed = {}
    for key, value in params.items():
        place = f"{above}{key}"
        rule = next((rule for pattern, rule in OVERRIDES.items() if fnmatch(place, pattern)), None)
        if isinstance(value, dict):
            value = overridden(value, f"{place}.")
        changed[key] = value if rule is None or value is None else rule(value)
    return changed


def draw(workspace: Workspace) -> None:
    """The pictures and the saliency network that the workspace's parameters name, where they name them."""
    data, saliency = workspace.params["dataset"], workspace.params["ssnet"]["saliency_set"]
    network = workspace.params["saliency"]
    make = {"voc": draw_voc, "coco": draw_coco}[data["format"]]
    make(workspace.folder / data["root"], train=data["train"], val=data["val"])
    if saliency["images"]:
        draw_saliency(workspace.folder / saliency["images"], workspace.folder / saliency["masks"])
    if network["weights"]:
        export(trained(network["method"]), workspace.folder / network["weights"])


def run(workspace: Workspace, graph: Path) -> None:
    """Every stage of a graph in its order; what each declares must lie there when it ends."""
    for step in steps_of(graph, rounds=workspace.params["auxsegnet"]["rounds"]):
        stage, *options = step.command
        workspace.run_with(stage, *options)
        for made in map(workspace.folder.joinpath, step.makes):
            assert made.is_file() or any(made.iterdir()), f"{step.command} left no {made}"


@pytest.fixture(scope="module", params=PRESETS)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The default graph of a preset, run once, for the methods' graphs to go on from."""
    workspace = Workspace(tmp_path_factory.mktemp(request.param) / "work", overridden(preset_params(request.param)))
    with pytest.MonkeyPatch.context() as patch:
        make_networks_narrow(patch)
        draw(workspace)
        run(workspace, ROOT / "dvc.yaml")
        yield workspace


@pytest.mark.graphs
def test_the_default_graph_runs_from_its_own_data_set_to_its_figures(finished: Workspace):
    index = Index.open(finished.folder / layout.INDEX)
    assert [len(index.ids(split)) for split in ("train", "val")] == [NUM_TRAIN, NUM_VAL]
    scored = artifacts.read_json(finished.folder / layout.METRICS / "deeplab.json")
    assert scored["num_images"] == NUM_VAL and 0 <= scored["miou"] <= 1
    assert scored["iou"]["background"] >= 0


@pytest.mark.graphs
@pytest.mark.parametrize("graph", [*registry.names("recipe"), "full_supervision"])
def test_every_other_graph_runs_after_it(finished: Workspace, graph: str):
    run(finished, graph_of(graph))
    times = [json.loads(path.read_text()) for path in (finished.folder / layout.TIMES).glob("*.json")]
    assert {time["steps"] for time in times} == {2}


FROZEN = {
    "voc12": {
        "train_cam": ["conv1a", "b2", "b2_1", "b2_2"], "train_affinity": ["conv1a", "b2", "b2_1", "b2_2"],
        "rrm": [], "aalr": [], "auxsegnet": ["conv1a"],
    },
    "voc12_resnet50": {"train_cam": ["conv1", "layer1", "layer2"]},
}  # fmt: skip
"""Layers whose convolutions the releases do not train."""


@pytest.mark.parametrize(("preset", "section"), [(preset, section) for preset in FROZEN for section in FROZEN[preset]])
def test_the_layers_that_the_releases_freeze_are_frozen_and_no_others(preset, section, monkeypatch, tmp_path):
    make_networks_narrow(monkeypatch)
    params: Params = load_params(Workspace(tmp_path, overridden(preset_params(preset))).folder / "params.yaml")
    chosen = getattr(params, section).backbone.model_dump()
    net = pretrained_backbone(**chosen).net
    still = {name.partition(".")[0] for name, p in net.named_parameters() if p.ndim > 1 and not p.requires_grad}
    assert still == set(FROZEN[preset][section])
