"""Single-stage methods small enough to train in a test, and batches for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from workspace import merge, tiny_params

from wsss_core import registry
from wsss_core.methods.recipe import Recipe
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.ops.images import normalise
from wsss_core.params import Params, validate
from wsss_core.training.loop import Terms

CROP = 48
NUM_CLASSES = 3
TWO_BRANCH = {
    "head_channels": 16, "atrous_rate": 2, "dropout": 0.0, "augment": {"crop": CROP}, "labels": {"iterations": 3},
    "class_maps": {"scales": [0.5, 1.0]},
}  # fmt: skip
STEP = {"augment": {"crop": CROP}, "aggregation_grid": 3}
SMALL = {
    "rrm": TWO_BRANCH,
    "aalr": TWO_BRANCH,
    "ssnet": {"first": STEP, "second": {**STEP, "atrous_rates": [1, 2]}},
    "auxsegnet": {"head_channels": 16, "atrous_rates": [1, 2, 2], "dropout": 0.0, "augment": {"crop": CROP}},
}
"""Settings of a method's section, to be quick; a method without an entry is tried as its section has it."""
COLOURS = torch.tensor([[110, 120, 115], [200, 40, 50], [40, 60, 190], [230, 200, 30]])
"""The colours of the background and of each class."""


@dataclass(frozen=True)
class Method:
    """A method as its section has it, with a network of new weights."""

    params: Params
    recipe: Recipe
    network: nn.Module

    def terms(self, batch: dict, progress: float = 0.9) -> Terms:
        """Of one step, whose network is in training mode."""
        return self.recipe.losses(self.network.train(), batch, progress)


@pytest.fixture
def build() -> Callable[..., Method]:
    """build(method, [round,] key=value, ...): with nested changes of its section of the smallest parameters."""

    def make(name: str, *number: int, **changes) -> Method:
        own = merge(copy.deepcopy(SMALL.get(name, {})), changes)
        params = validate(merge(tiny_params(), {name: own}), source="tiny")
        recipe = registry.part(name, "recipe").recipe(params, *number)
        torch.manual_seed(0)
        network = build_network(
            registry.part(name, "network").NETWORK, pretrained_backbone(**recipe.section.backbone.model_dump()),
            num_classes=NUM_CLASSES, options=recipe.options,
        )  # fmt: skip
        return Method(params, recipe, network)

    return make


def batch_of(pictures: torch.Tensor, classes: list[int], truth: torch.Tensor | None = None) -> dict:
    """A batch of (B, H, W, 3) pictures without padding, the class of each or 0, and (B, H, W) labels, 0 if not given.

    The same pictures, mirrored, are the saliency set of the methods that have one.
    """
    labels = torch.zeros(pictures.shape[:3], dtype=torch.int64) if truth is None else truth
    image = normalise(pictures.clamp(0, 255).to(torch.uint8).permute(0, 3, 1, 2))
    roi = torch.ones(pictures.shape[:3], dtype=torch.bool)
    tags = torch.zeros(len(classes), NUM_CLASSES + 1)
    tags[range(len(classes)), classes] = 1
    return {
        "id": [f"image{place}" for place in range(len(classes))],
        "image": image,
        "tags": tags[:, 1:],
        "roi": roi,
        "labels": labels,
        "saliency": (labels > 0).float(),
        "saliency_image": image.flip(-1),
        "saliency_mask": (labels > 0).float().flip(-1),
        "saliency_roi": roi.clone(),
    }


def scenes(num: int = 4, *, seed: int = 0) -> tuple[dict, torch.Tensor]:
    """A batch of noisy pictures with a square each, of classes 1, 2, 3, 1, ..., and its (B, H, W) true labels."""
    generator = torch.Generator().manual_seed(seed)
    classes = [1 + place % NUM_CLASSES for place in range(num)]
    truth = torch.zeros(num, CROP, CROP, dtype=torch.int64)
    for place, label in enumerate(classes):
        y, x = torch.randint(4, CROP - 24, (2,), generator=generator).tolist()
        truth[place, y : y + 20, x : x + 20] = label
    pictures = COLOURS[truth] + 12 * torch.randn(num, CROP, CROP, 3, generator=generator)
    return batch_of(pictures, classes, truth), truth


def without_objects(classes: list[int]) -> dict:
    """A batch of nothing but noisy background, whatever the tags say."""
    generator = torch.Generator().manual_seed(1)
    return batch_of(COLOURS[0] + 12 * torch.randn(len(classes), CROP, CROP, 3, generator=generator), classes)


def in_padding() -> dict:
    """The scenes, of which only a part each is photograph."""
    batch, _ = scenes()
    for place, (top, left) in enumerate([(0, 0), (10, 5), (18, 12), (3, 12)]):
        batch["roi"][place] = False
        batch["roi"][place, top : top + 30, left : left + 36] = True
    batch["image"] = batch["image"] * batch["roi"][:, None]
    batch["labels"] = batch["labels"].masked_fill(~batch["roi"], 255)
    batch["saliency_roi"] = batch["roi"].flip(-1)
    return batch


BATCHES = {
    "scenes": lambda: scenes()[0],
    "one": lambda: scenes(1)[0],
    "untagged": lambda: without_objects([0, 0]),
    "one untagged": lambda: without_objects([0]),
    "unlabelled": lambda: {**scenes()[0], "labels": torch.full((4, CROP, CROP), 255)},
    "tagged but absent": lambda: without_objects([2, 0, 3]),
    "padded": in_padding,
}


@pytest.fixture
def batch() -> dict:
    """Four scenes."""
    return scenes()[0]


@pytest.fixture(params=BATCHES)
def any_batch(request: pytest.FixtureRequest) -> dict:
    """A batch of each kind."""
    return BATCHES[request.param]()
