"""Every network of the presets of published data sets at its full width, once through at its training's crop."""

import pytest
import torch
from workspace import preset_params

from wsss_core import registry
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.params import Params, validate
from wsss_core.sections.training import Training

pytestmark = pytest.mark.huge

NUM_CLASSES = {"voc12": 20, "voc12_resnet50": 20, "voc12_mini": 20, "coco14": 80}
"""The classes of each data set whose preset has networks of its own."""
OF_STAGES = ("cam", "affinitynet", "deeplab")
"""The networks that no recipe trains."""
ROUNDS = {name: Params().last_round(name) for name in registry.names("recipe")}
NETWORKS = [*OF_STAGES, *(name for name, last in ROUNDS.items() if last is None)]
NETWORKS += [f"{name} {number}" for name, last in ROUNDS.items() if last is not None for number in (1, 2)]


def described(params: Params, network: str) -> tuple[str, Training, dict]:
    """A network's kind, its section, and the options that its stage or its method's recipe give it."""
    cam, affinity, deeplab = params.train_cam, params.train_affinity, params.train_deeplab
    of_stages = {
        "cam": (cam, {"dropout": cam.dropout}),
        "affinitynet": (affinity, affinity.model_dump(include={"taps", "widths", "freeze_backbone"})),
        "deeplab": (deeplab, deeplab.model_dump(include={"head", "atrous_rates"})),
    }
    if network in of_stages:
        return network, *of_stages[network]
    method, *number = network.split()
    recipe = registry.part(method, "recipe").recipe(params, *map(int, number))
    return method, recipe.section, recipe.options


@pytest.mark.parametrize("preset", NUM_CLASSES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_passes_a_crop_of_its_training(preset: str, network: str):
    params = validate(preset_params(preset), source=preset)
    kind, section, options = described(params, network)
    backbone = pretrained_backbone(**{**section.backbone.model_dump(), "weights": "none"})
    make = registry.part(kind, "network").NETWORK
    model = build_network(make, backbone, num_classes=NUM_CLASSES[preset], options=options).eval()
    crop = section.augment.crop
    with torch.no_grad():
        outputs = model(torch.randn(1, 3, crop, crop, generator=torch.Generator().manual_seed(0)))
    assert all(torch.isfinite(value).all() for value in outputs.values())
    if "seg" in outputs:
        assert outputs["seg"].shape[:2] == (1, NUM_CLASSES[preset] + 1)
