"""SSNet: class masks from tags, and a saliency map that is the sum of the salient ones among them, learnt together.

Zeng et al., *Joint Learning of Saliency Detection and Weakly Supervised Semantic Segmentation*, ICCV 2019, and both
releases of its code. docs/ssnet.md says where each equation stands and which choices are ours.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import nn

from wsss_core import layout, supervision
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.saliency_maps import SAYS_SOMETHING, log_failed
from wsss_core.data.saliency_set import OwnMaps, SaliencyFolders, SaliencySet
from wsss_core.data.training_set import PairedSet, TrainingSet, require_labels
from wsss_core.data.transforms import augmentation
from wsss_core.losses.classification import tag_loss
from wsss_core.losses.saliency import aggregated_saliency_loss
from wsss_core.losses.segmentation import bootstrapped_loss
from wsss_core.methods.recipe import Recipe
from wsss_core.methods.ssnet.section import SSNet, SSNetStep
from wsss_core.params import Params
from wsss_core.sections.saliency import SaliencySource
from wsss_core.training.loop import Terms
from wsss_core.training.start import Start

NAME = "ssnet"
LABELS = layout.METHOD_LABELS / NAME


def recipe(params: Params, number: int) -> Recipe:
    """How step 1, on tags, or step 2, on the labels that step 1's network made, trains; both learn saliency."""
    p: SSNet = params.ssnet
    step = _step(p, number)
    folders = [Path(folder) for folder in (p.saliency_set.images, p.saliency_set.masks) if folder]
    saliency = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
    return Recipe(
        section=step,
        options={"step": number, "aggregation_grid": step.aggregation_grid, "atrous_rates": step.atrous_rates},
        losses=partial(
            first_losses if number == 1 else partial(second_losses, bootstrap=p.bootstrap),
            form=p.saliency_loss,
            saliency_weight=p.saliency_weight,
        ),
        start=Start(),
        settings=p.model_dump(exclude={"first", "second", *(["bootstrap"] if number == 1 else [])}),
        samples=partial(_samples, params=params, number=number),
        inputs=(*([LABELS] if number == 2 else []), *(saliency or [layout.SALIENCY])),
        supervised_by=supervision.SALIENCY if p.saliency_set.images else supervision.TAGS,
    )


def _step(p: SSNet, number: int) -> SSNetStep:
    steps = {1: p.first, 2: p.second}
    if number not in steps:
        raise ValueError(f"SSNet has no round {number}: give 1 or 2")
    return steps[number]


def _samples(index: Index, *, params: Params, number: int) -> PairedSet:
    """The training photographs, with labels in step 2, each beside a picture of the saliency set."""
    ids, labels = index.ids("train"), None
    if number == 2:
        labels = Maps(LABELS, index).labels
        require_labels(index, labels, source=LABELS)
    augment = augmentation(**_step(params.ssnet, number).augment.model_dump())
    source = saliency_source(params.ssnet.saliency_set, index)
    return PairedSet(
        TrainingSet(index, ids, augment, seed=params.seed, labels=labels),
        SaliencySet(source, augment, seed=params.seed),
    )


def saliency_source(p: SaliencySource, index: Index) -> SaliencyFolders | OwnMaps:
    """The set that the parameters name; else the maps of the stage `saliency`, which nobody drew."""
    if p.images and p.masks:
        folders = SaliencyFolders.open(Path(p.images), Path(p.masks))
        folders.check()
        return folders
    ids = index.ids("train")
    log_failed(ids, Maps(layout.SALIENCY, index).grey, threshold=SAYS_SOMETHING)
    return OwnMaps(index, ids, layout.SALIENCY)


def first_losses(model: nn.Module, batch: dict, progress: float, *, form: str, saliency_weight: float) -> Terms:
    """Step 1: tags, from the means of the logits at full resolution and of the coarsest ones, and saliency.

    Args:
        model: the network of step 1.
        batch: of a `PairedSet`.
        progress: of the run; not used.
        form: of `aggregated_saliency_loss`.
        saliency_weight: 1.

    Zeng et al., ICCV 2019, sec. 3.2: averages reward whole objects. The background has no part in the tags. DEVIATION:
    both sets go through the network together, so that batch norms that train see one mixture, and several devices one
    pass.
    """
    outputs, saliency = _both(model, batch, form=form)
    raw = {
        "tags": tag_loss(_means(outputs["seg"]), batch["tags"]),
        "coarse_tags": tag_loss(_means(outputs["coarse"]), batch["tags"]),
        "saliency": saliency,
    }
    return Terms.weighted(raw, {"saliency": saliency_weight}, {})


def second_losses(
    model: nn.Module, batch: dict, progress: float, *, form: str, saliency_weight: float, bootstrap: float
) -> Terms:
    """Step 2: the labels that step 1 made, tags from the classifier, and saliency.

    Args:
        model: the network of step 2.
        batch: of a `PairedSet`, with `labels`.
        progress, form, saliency_weight: as in step 1.
        bootstrap: see `bootstrapped_loss` (0.1).

    Zeng et al., ICCV 2019, sec. 3.4.
    """
    outputs, saliency = _both(model, batch, form=form)
    raw = {
        "segmentation": bootstrapped_loss(outputs["seg"], batch["labels"], batch["tags"], share=bootstrap),
        "tags": tag_loss(outputs["logits"], batch["tags"]),
        "saliency": saliency,
    }
    return Terms.weighted(raw, {"saliency": saliency_weight}, {})


def _both(model: nn.Module, batch: dict, *, form: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What the network makes of the tagged photographs, and its loss on those of the saliency set."""
    count = len(batch["image"])
    outputs = model(torch.cat([batch["image"], batch["saliency_image"]]))
    of_set = {name: value[count:] for name, value in outputs.items()}
    loss = aggregated_saliency_loss(
        of_set["saliency"], of_set["background"], of_set["weights"][:, :1], batch["saliency_mask"],
        batch["saliency_roi"], form=form,
    )  # fmt: skip
    return {name: value[:count] for name, value in outputs.items()}, loss


def _means(logits: torch.Tensor) -> torch.Tensor:
    """(B, C) means over the pixels of (B, C+1, h, w) logits, without the background's."""
    return logits[:, 1:].float().mean(dim=(2, 3))
