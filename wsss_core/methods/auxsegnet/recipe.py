"""AuxSegNet: classification and saliency help segmentation, and one affinity refines all of them, round after round.

Xu et al., *Leveraging Auxiliary Tasks with Affinity Learning for Weakly Supervised Semantic Segmentation*, ICCV 2021,
and its released code. docs/auxsegnet.md says where each equation stands and which choices are ours.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from wsss_core import layout
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.training_set import TrainingSet, require_labels
from wsss_core.data.transforms import augmentation
from wsss_core.losses.classification import tag_loss
from wsss_core.losses.saliency import saliency_loss
from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.methods.auxsegnet import section
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.methods.recipe import Recipe
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.ops.network_cells import network_stride
from wsss_core.ops.saliency.binary import binary
from wsss_core.params import Params
from wsss_core.training.loop import Terms
from wsss_core.training.start import start_from

NAME = "auxsegnet"


def recipe(params: Params, number: int) -> Recipe:
    """How round `number` trains: on the labels and the saliency maps that the round before left."""
    p: section.AuxSegNet = params.auxsegnet
    if number not in p.rounds:
        raise ValueError(f"auxsegnet.rounds has no round {number}; it has {', '.join(map(str, p.rounds))}")
    this = p.rounds[number]
    labels = layout.round_folder(layout.METHOD_LABELS / NAME, this.before)
    rule = p.first_saliency if this.before == 0 else "half"
    first = this.before == 0
    network, parts = (CamNetwork, ("backbone", "fc8")) if first else (AuxSegNet, ("",))
    return Recipe(
        section=p,
        options={
            "dropout": p.dropout,
            "head_channels": p.head_channels,
            "atrous_rates": p.atrous_rates,
            "saliency": p.weights.saliency > 0,
            "affinity": p.affinity,
            "renormalise_rows": p.renormalise_rows,
        },
        losses=partial(losses, weights=p.weights),
        start=start_from(Path(this.weights), network, parts=parts),
        samples=partial(_samples, params=params, labels=labels, saliency=Path(this.saliency), rule=rule),
        inputs=(labels, Path(this.saliency)),
    )


def _samples(index: Index, *, params: Params, labels: Path, saliency: Path, rule: str) -> TrainingSet:
    ids, read = index.ids("train"), Maps(labels, index).labels
    require_labels(index, read, source=labels)
    salient = partial(_salient, maps=Maps(saliency, index), rule=rule)
    augment = augmentation(**params.auxsegnet.augment.model_dump())
    return TrainingSet(index, ids, augment, seed=params.seed, labels=read, saliency=salient)


def _salient(image_id: str, *, maps: Maps, rule: str) -> np.ndarray:
    """(H, W) float32, 1 on salient pixels, else 0."""
    return binary(maps.grey(image_id), rule=rule).astype(np.float32)


def losses(model: nn.Module, batch: dict, progress: float, *, weights: section.TaskWeights) -> Terms:
    """Tags, and each dense task before and after its refinement; tasks of weight 0 are left out.

    Args:
        model: the network.
        batch: of `TrainingSet`, with `labels` and `saliency`.
        progress: of the run; not used.
        weights: of the three tasks (1, 1, 1).

    Xu et al., ICCV 2021, as released; but a crop without any labelled pixel adds nothing, where it gives NaN there.
    """
    outputs, stride = model(batch["image"]), network_stride(model)
    raw: dict[str, torch.Tensor] = {}
    if weights.tags:
        raw["tags"] = tag_loss(outputs["logits"], batch["tags"])
    for name, key in (("segmentation", "seg"), ("segmentation_first", "seg_first")):
        if weights.segmentation and key in outputs:
            raw[name] = segmentation_loss(outputs[key], batch["labels"], stride=stride)
    for name, key in (("saliency", "saliency_logits"), ("saliency_first", "saliency_first")):
        if weights.saliency and key in outputs:
            raw[name] = saliency_loss(outputs[key], batch["saliency"], batch["roi"], stride=stride)
    return Terms.weighted(raw, {name: getattr(weights, name.removesuffix("_first")) for name in raw}, {})
