"""`wsss predict`: label maps of any photographs by a trained network."""

import math
from pathlib import Path

import click

from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import load_predict
from wsss_core.prediction import sources, tags
from wsss_core.prediction.output import OWN, Output
from wsss_core.sections.labels import Crf, Predict

CRF = Crf(bilateral_sxy=83, bilateral_srgb=5, bilateral_weight=4)
"""DeepLab's, as the preset voc12 has it."""
TILE = 512
"""Pixels of a window's side, about what networks are trained on."""


class _Scales(click.ParamType):
    """Factors with commas between them, as a list."""

    name = "FACTORS"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Fails unless all are numbers above 0."""
        try:
            scales = [float(part) for part in value.split(",")]
        except ValueError:
            scales = []
        if not scales or not all(0 < scale < math.inf for scale in scales):
            self.fail(f"{value!r} is no list of factors; write them like 0.5,1,1.5", param, ctx)
        return scales


def _large_enough(context: click.Context, option: click.Parameter, side: int | None) -> int | None:
    """A window's side as it is. Fails where it is too small."""
    if side is None:
        return None
    from wsss_core.inference.tiles import SMALLEST  # and torch, which the commands start without

    return click.IntRange(min=SMALLEST).convert(side, option, context)


@click.command()
@click.argument("model", type=PATH)
@click.argument("photographs", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the label maps, made if needed.")
@click.option("--overlay", is_flag=True, help="Write overlays/<name>.jpg too: labels over their photograph.")
@click.option("--probabilities", is_flag=True, help="Write <name>.npz too: the probability of each label, in cells.")
@click.option("--tags", "tag_table", type=PATH, metavar="CSV",
              help="A table image,labels: photographs hold the classes that it names, and no others.")
@click.option("--scales", type=_Scales(), help="Sizes that are averaged, e.g. 0.5,1,1.5.  [default: 1]")
@click.option("--flip/--no-flip", default=None, help="Average over the mirror image too, or not.  [default: flip]")
@click.option("--crf/--no-crf", default=None,
              help="Refine by a dense CRF (DeepLab's values; others by --params), or not.  [default: no-crf]")
@click.option("--tile", type=int, callback=_large_enough, is_flag=False, flag_value=TILE, metavar="[N]",
              help=f"Segment larger images in windows of N x N pixels, {TILE} unless you say.")
@click.option("--max-pixels", type=click.IntRange(min=1), help="Larger views are shrunk to this.  [default: 4000000]")
@click.option("--params", "params_file", type=PATH,
              help="A params.yaml or preset: what its section `predict` sets replaces the defaults.")
@telling_errors
def predict(
    model: Path, photographs: Path, out: Path, overlay: bool, probabilities: bool, tag_table: Path | None,
    tile: int | None, params_file: Path | None, **given: object,
) -> None:  # fmt: skip
    """Segment a photograph or a video, or all of a folder, with MODEL (a model.pt or its folder).

    Writes OUT/<name>.png, a palette PNG with 0 for background (of the frames of an animation or video,
    <name>_000001.png and so on), OUT/classes.txt, by which it knows its own label maps again, and OUT/predicted.jsonl,
    by which the same command goes on where it was; nothing else in OUT is replaced. It needs nothing but the model:
    scales, mirror and CRF come from the options, else from the file that --params names, else from the defaults shown;
    a params.yaml in the working folder is not read. A photograph that cannot be read is passed over and named at the
    end, with exit code 1; other files are counted and named.
    """
    options = _options(params_file, given)
    if tile and options.crf:
        raise click.UsageError("a CRF looks at the whole image, and --tile cuts it; leave one of them out (--no-crf)")
    found = sources.find(photographs, out=out, own=OWN)
    output = Output(out, with_overlays=overlay, with_scores=probabilities)
    output.refuse_to_replace(found.files)

    from wsss_core.models import model_file, trained  # and torch: the other commands start without it
    from wsss_core.models.build import on_device
    from wsss_core.prediction import run
    from wsss_core.prediction.reading import Reader
    from wsss_core.runtime import devices

    network, description = trained.load_segmenter(model)
    allowed = None if tag_table is None else tags.read(tag_table, found, classes=description.classes)
    fabric = devices.launch(shared=False)
    output.write_legend(("background", *description.classes))  # first: it tells whose the label maps are
    record = run.opened(output, model_file.file_of(model), fabric=fabric, tile=tile, **options.model_dump())
    reader = Reader(found.files, allowed, record, output)
    tally = run.run(on_device(network, fabric.device), reader, fabric=fabric, tile=tile, **options.model_dump())
    before = f", {tally.before} of them before" if tally.before else ""
    click.echo(f"{out}: {tally.there} label maps{before} ({_described(options)})")
    if found.unusable or tally.unreadable:
        reasons = [*tally.unreadable, *found.unusable]
        count = f"{len(reasons)} of {len(found.unusable) + len(found.files)} photographs could not be segmented:"
        raise ValueError("\n  ".join([count, *reasons]))


def _options(params_file: Path | None, given: dict[str, object]) -> Predict:
    """The options that were given, over the file's values, over the shipped ones."""
    options = Predict() if params_file is None else load_predict(params_file)
    chosen = {name: value for name, value in given.items() if value is not None}
    if "crf" in chosen:
        chosen["crf"] = (options.crf or CRF) if chosen["crf"] else None
    return options.model_copy(update=chosen)


def _described(options: Predict) -> str:
    scales = ", ".join(f"{scale:g}" for scale in options.scales)
    return f"scales {scales}, {'mirrored too' if options.flip else 'no mirror'}, {'a CRF' if options.crf else 'no CRF'}"
