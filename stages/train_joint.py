"""Train a single-stage or joint method: one network from image tags to segmentation."""

import click

from wsss_core import layout
from wsss_core.cli.stage import command, open_index
from wsss_core.data.index import spread
from wsss_core.data.training_set import TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.methods import METHODS
from wsss_core.methods.recipe import recipe_of
from wsss_core.params import Params
from wsss_core.training.checkpoint import Description
from wsss_core.training.snapshots import Snapshots
from wsss_core.training.train import train


@command
@click.option("--method", type=click.Choice(METHODS), required=True, help="Which one; names the model's folder.")
def main(params: Params, method: str) -> None:
    """Train a method that classifies and segments with one network."""
    index, recipe = open_index(params), recipe_of(method)(params)
    p, ids = recipe.section, index.ids("train")
    train(
        Description(
            method=method,
            network=recipe.network,
            classes=index.classes,
            backbone=params.backbone.overridden(p.backbone).model_dump(),
            options=recipe.options,
            params=p.model_dump(),
        ),
        TrainingSet(index, ids, augmentation(**p.augment.model_dump()), seed=params.seed),
        recipe.losses,
        batch=p.batch,
        epochs=p.epochs,
        optimizer=p.optimizer.model_dump(),
        seed=params.seed,
        inputs=[layout.INDEX, *recipe.start.inputs],
        out=layout.MODELS / method,
        history=layout.HISTORY / f"{method}.tsv",
        initialise=recipe.start.initialise,
        schedule=recipe.schedule,
        snapshots=Snapshots(
            index,
            spread(ids, p.moments.num_images),
            at=p.moments.at,
            label=recipe.label,
            out=layout.SNAPSHOTS / method,
        ),
    )


if __name__ == "__main__":
    main()
