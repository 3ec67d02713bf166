"""Train DeepLab on label maps: pseudo-labels, or the true masks as the measure of everything."""

from pathlib import Path

import click

from wsss_core import code_digest, layout, remedies, supervision
from wsss_core.data.maps import Maps
from wsss_core.data.training_set import TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.frame.stage import PATH, command, open_index, require
from wsss_core.frame.truth import open_truth
from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.methods.deeplab.objective import segmentation
from wsss_core.models.model_file import Description
from wsss_core.params import Params
from wsss_core.training.start import start_of
from wsss_core.training.train import train
from wsss_core.voc import IGNORE_INDEX


@command
@click.option("--labels", type=PATH, default=layout.PSEUDO_LABELS, show_default=True, help="Folder of label maps.")
@click.option("--labelled", is_flag=True, help="Leave out the images of which no pixel has a label.")
@click.option("--masks", is_flag=True, help="Train on the true masks instead: full supervision.")
@click.option("--method", default="deeplab", show_default=True, help="Names the model's folder.")
def main(params: Params, labels: Path, labelled: bool, masks: bool, method: str) -> None:
    """Train DeepLab on label maps."""
    p, index = params.train_deeplab, open_index(params)
    if masks:
        truth = open_truth(params, index)
        ids = [image_id for image_id in index.ids("train") if truth.available(image_id)]
        if not ids:
            raise click.UsageError(
                f"full supervision needs masks, and no training image of {index.root} has one; set dataset.masks to"
                " their folder, where each bears its image's name, or to an instances JSON with outlines"
            )
        read, inputs = truth.read, [layout.INDEX, *truth.files]
    else:
        require(labels, stage="refine_crf" if labels == layout.PSEUDO_LABELS else remedies.graph_of(method))
        ids, read, inputs = list(index.ids("train")), Maps(labels, index).labels, [layout.INDEX, labels]
        if labelled:
            ids = [image_id for image_id in ids if (read(image_id) != IGNORE_INDEX).any()]
    start = start_of(p.init, layout.MODELS / "cam")
    train(
        Description(
            method=method,
            network="deeplab",
            classes=index.classes,
            backbone=p.backbone.model_dump(),
            options={"head": p.head, "atrous_rates": p.atrous_rates},
            params=p.model_dump(),
        ),
        DeepLab,
        TrainingSet(index, ids, augmentation(**p.augment.model_dump()), seed=params.seed, labels=read),
        segmentation,
        batch=p.batch,
        epochs=p.epochs,
        optimizer=p.optimizer.model_dump(),
        seed=params.seed,
        inputs=[*inputs, *start.inputs],
        code=code_digest.of_stage(__file__),
        out=layout.MODELS / method,
        history=layout.HISTORY / f"{method}.tsv",
        initialise=start.initialise,
        supervised_by=supervision.PIXELS if masks else supervision.TAGS,
    )


if __name__ == "__main__":
    main()
