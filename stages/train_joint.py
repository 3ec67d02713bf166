"""Train a single-stage or joint method: one network from image tags to segmentation."""

import click

from wsss_core import code_digest, layout, registry
from wsss_core.data.index import Index, spread
from wsss_core.data.training_set import Samples, TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.frame.stage import command, open_index
from wsss_core.methods.recipe import Recipe
from wsss_core.models.model_file import Description
from wsss_core.params import Params
from wsss_core.training.snapshots import Snapshots
from wsss_core.training.train import train


@command
@click.option(
    "--method", type=click.Choice(registry.names("recipe")), required=True, help="Which one; names the model's folder."
)
@click.option("--round", "number", type=int, help="Which of its rounds, for a method that has some.")
def main(params: Params, method: str, number: int | None) -> None:
    """Train a method that classifies and segments with one network."""
    if (number is None) == (params.last_round(method) is not None):
        remedy = "rounds: give" if number is None else "one go: leave out"
        raise click.UsageError(f"{method} trains in {remedy} --round")
    index = open_index(params)
    recipe = registry.part(method, "recipe").recipe(params, *([] if number is None else [number]))
    p = recipe.section
    train(
        Description(
            method=method,
            network=method,
            classes=index.classes,
            backbone=p.backbone.model_dump(),
            options=recipe.options,
            params={**p.model_dump(), **recipe.settings},
        ),
        registry.part(method, "network").NETWORK,
        _samples(index, recipe, seed=params.seed),
        recipe.losses,
        batch=p.batch,
        epochs=p.epochs,
        optimizer=p.optimizer.model_dump(),
        seed=params.seed,
        inputs=[layout.INDEX, *recipe.inputs, *recipe.start.inputs],
        code=code_digest.of_stage(__file__, method=method),
        out=layout.round_folder(layout.MODELS / method, number),
        history=layout.HISTORY / f"{layout.round_name(method, number)}.tsv",
        initialise=recipe.start.initialise,
        schedule=recipe.schedule,
        snapshots=_snapshots(index, recipe, method),
        supervised_by=recipe.supervised_by,
    )


def _samples(index: Index, recipe: Recipe, *, seed: int) -> Samples:
    if recipe.samples:
        return recipe.samples(index)
    return TrainingSet(index, index.ids("train"), augmentation(**recipe.section.augment.model_dump()), seed=seed)


def _snapshots(index: Index, recipe: Recipe, method: str) -> Snapshots | None:
    if recipe.label is None or recipe.moments is None:
        return None
    ids = spread(index.ids("train"), recipe.moments.num_images)
    return Snapshots(index, ids, at=recipe.moments.at, label=recipe.label, out=layout.SNAPSHOTS / method)


if __name__ == "__main__":
    main()
