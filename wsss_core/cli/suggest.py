"""`wsss suggest`: what a few true masks say of the parameters of fusion."""

from pathlib import Path

import click

from wsss_core import layout
from wsss_core.data.maps import Maps
from wsss_core.evaluation.fusion_sweep import Pair, Sweep, sweep
from wsss_core.frame.stage import PATH, open_index, require, telling_errors
from wsss_core.frame.truth import open_truth
from wsss_core.params import ParamsError, load_params


@click.command()
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def suggest(params_file: Path) -> None:
    """Print which parameters of the soft fusion suit the true masks of training images best, and on how many.

    Reads the walk and the saliency maps of a finished run, and changes nothing: set what it says by `dvc exp run -S`.
    Results of parameters that were chosen so have seen these masks.
    """
    params = load_params(params_file)
    p, index = params.fuse, open_index(params)
    if p.rule != "soft":
        raise ParamsError(f"fuse.rule is {p.rule}, and only soft is tried here; set it to soft")
    walks = Maps(require(layout.RANDOM_WALK, stage="random_walk"), index)
    saliency = Maps(require(layout.SALIENCY, stage="saliency"), index)
    found = sweep(
        index.ids("train"), open_truth(params, index), walks, saliency, norm=p.norm,
        now=(p.soft.background_exponent, p.soft.saliency_weight), saliency_exponent=p.soft.saliency_exponent,
        multi=p.soft.multi,
    )  # fmt: skip
    click.echo(_text(found))


def _text(found: Sweep) -> str:
    images = "1 training image" if found.num_images == 1 else f"{found.num_images} training images"
    lines = [f"Labels before the CRF, on {images} with a mask:", f"  now:  {_shown(found, found.now)}"]
    if found.best == found.now:
        return "\n".join([*lines, "None of the others is better."])
    lines.append(f"  best: {_shown(found, found.best)}")
    low, high = (f"{100 * value:+.1f}" for value in found.gain)
    if found.num_images > 1:
        lines.append(f"  95 % of sets of as many images, drawn from these, gain {low} to {high}")
    if found.is_chance:
        return "\n".join([*lines, "That may be chance: keep what you have, or draw more masks."])
    exponent, weight = found.best
    command = f"dvc exp run -S fuse.soft.background_exponent={exponent} -S fuse.soft.saliency_weight={weight}"
    return "\n".join([*lines, f"  {command}"])


def _shown(found: Sweep, pair: Pair) -> str:
    return f"background_exponent {pair[0]}, saliency_weight {pair[1]}: mIoU {100 * found.miou[pair]:.1f}"
