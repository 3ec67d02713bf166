"""`wsss labels`: label maps to annotation tools and trainers, and corrected ones back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click
from click.core import ParameterSource
from pydantic import ValidationError

from wsss_core import artifacts, layout, manifests, remedies, supervision
from wsss_core.data.index import Index
from wsss_core.exchange import export as exporting
from wsss_core.exchange import format as formats
from wsss_core.exchange import incoming, label_sets
from wsss_core.exchange.export import Choice, Summary
from wsss_core.exchange.format import ExchangeError, Format, Options
from wsss_core.exchange.label_sets import LabelSet
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.methods.corrected.section import Corrected
from wsss_core.params import Params, load_params
from wsss_core.params_file import written
from wsss_core.problems import named

_MUCH_IGNORED = 0.05
GRAPH = remedies.graph_of("corrected").as_posix()


@click.group()
def labels() -> None:
    """Take label maps to the tool where you annotate, and corrected ones back."""


@labels.command("export")
@click.argument("name", nargs=-1, required=True)
@click.option("--to", "target", type=click.Choice(formats.names()), required=True, help="The format.")
@click.option("--out", type=PATH, required=True, help="A new folder.")
@click.option("--first", type=click.IntRange(min=1), metavar="N", help="Only the N least certain photographs.")
@click.option("--ignore-as", metavar="NAME", help="Write ignored pixels (255) as a label NAME.  [default: left out]")
@click.option("--max-ignore", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="SHARE",
              help="Leave photographs out of which more is ignored.")
@click.option("--min-area", type=click.IntRange(min=0), default=0, show_default=True, metavar="PIXELS",
              help="Make regions of fewer pixels background.")
@click.option("--photographs", type=click.Choice(["none", "link", "copy"]),
              help="Whether photographs lie beside.  [default: what the format needs]")
@click.option("--images", type=PATH, help="Where the photographs are, for maps of `wsss predict`.")
@click.option("--against", metavar="NAME", help="Other label maps: their agreement with these is the confidence.")
@click.option("--segmentation", type=click.Choice(["polygons", "rle"]), default="polygons", show_default=True,
              help="coco: how a region is written.")
@click.option("--instances/--stuff", "instances", default=True,
              help="coco: one annotation for each part that hangs together, or for each class.  [default: instances]")
@click.option("--by-path", is_flag=True, help="coco: base names may repeat, for readers that compare whole paths.")
@click.option("--image-root-url", default=Options.image_root_url, show_default=True, metavar="URL",
              help="label-studio: what stands before a photograph's path.")
@click.option("--tasks-per-file", type=click.IntRange(min=1), default=Options.tasks_per_file, show_default=True,
              help="label-studio: most tasks in one file.")
@click.option("--palette", is_flag=True, help="folders: maps with VOC's palette instead of grey ones.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@click.pass_context
@telling_errors
def export_labels(
    context: click.Context, name: tuple[str, ...], target: str, out: Path, first: int | None, ignore_as: str | None,
    max_ignore: float, min_area: int, photographs: str | None, images: Path | None, against: str | None,
    params_file: Path, instances: bool, **given: object,
) -> None:  # fmt: skip
    """Write the label maps NAME for another program, the least certain photographs first.

    NAME is an artifact (data/fused, affinitynet, deeplab, auxsegnet round_2) or a folder of label maps, such as the
    output of `wsss predict`. OUT/review.csv lists all regions, the least certain first.
    """
    chosen = formats.of(target)
    _refuse_foreign_options(context, chosen, target)
    folder = label_sets.find(" ".join(name))
    index = _index(params_file)
    exported = label_sets.open_set(folder, index=index, images=images)
    others = None if against is None else _others(against, exported, index, images)
    choice = Choice(ignore_as, min_area, max_ignore, first, photographs or chosen.DEFAULT, others)
    options = Options(stuff=not instances, **given)  # type: ignore[arg-type]
    summary = exporting.export(exported, chosen, out, choice=choice, options=options)
    click.echo("\n".join(_told(summary, exported, chosen, out, choice, against)))


_ELSEWHERE = {"instances": "stuff"}
"""Options of the command that bear another name among the formats'."""


def _refuse_foreign_options(context: click.Context, chosen: Format, target: str) -> None:
    """Raises UsageError where an option of another format was given."""
    for name in context.params:
        own = _ELSEWHERE.get(name, name)
        is_given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if is_given and own in Options.__dataclass_fields__ and own not in chosen.OPTIONS:
            option = next(param.opts[0] for param in context.command.params if param.name == name)
            users = [other for other in formats.names() if own in formats.of(other).OPTIONS]
            raise click.UsageError(f"{option} says nothing to {target}; it is of {', '.join(users)}")


def _index(params_file: Path) -> Index | None:
    """Of the data set here; None where there is none, as beside the output of `wsss predict`."""
    return open_index(load_params(params_file)) if layout.INDEX.is_file() and params_file.is_file() else None


def _others(name: str, exported: LabelSet, index: Index | None, images: Path | None) -> Callable:
    """Labels of the same photographs. Raises ExchangeError where some are missing, or mean other classes."""
    other = label_sets.open_set(label_sets.find(name), index=index, images=images)
    if list(other.classes) != list(exported.classes):
        raise ExchangeError(f"{other.folder} has other classes than {exported.folder}; --against wants the same")
    if missing := sorted(exported.photographs.keys() - other.photographs.keys()):
        raise ExchangeError(
            f"{other.folder} has no map of {len(missing)} of the {len(exported.photographs)} photographs"
            f" ({named(missing)}); give another artifact to --against"
        )
    return other.labels


def _told(
    summary: Summary, exported: LabelSet, chosen: Format, out: Path, choice: Choice, against: str | None
) -> list[str]:
    """What was written, what is missing there, and what is to be known."""
    lines = [f"{out}: {summary.pictures} label maps of {exported.folder}, {summary.regions} regions"]
    if summary.left_out:
        lines.append(f"{summary.left_out} photographs are left out, since more than {choice.max_ignore:g} is ignored")
    share = summary.ignored / max(1, summary.pixels)
    if share and choice.ignore_as is None and not chosen.KEEPS_IGNORED:
        much = "; readers learn it as background" if share > _MUCH_IGNORED else ""
        lines.append(f"{share:.1%} of the pixels are ignored, and left out{much}: --ignore-as NAME makes them a label")
    elif share:
        lines.append(f"{share:.1%} of the pixels are ignored")
    if summary.dropped[0]:
        lines.append(f"{summary.dropped[0]} regions of fewer than {choice.min_area} pixels became background, "
                     f"{summary.dropped[1]} pixels")  # fmt: skip
    if summary.specks:
        lines.append(f"{summary.specks} regions have fewer than {exporting.SPECK} pixels: "
                     f"--min-area {exporting.SPECK} leaves them out")  # fmt: skip
    lines += [*_turned(summary, choice), *summary.remarks, chosen.LOSES]
    return [*lines, _confidence(exported, out, against)]


def _confidence(exported: LabelSet, out: Path, against: str | None) -> str:
    if against is None and exported.scored_in is None:
        return (
            "confidence: none, for nothing here keeps the scores of these maps; --against NAME takes agreement with"
            " other maps instead"
        )
    source = f"from {exported.scored_in}" if against is None else f"how far {against} says the same"
    return f"confidence: {source}; {out / exporting.REVIEW} begins with the least certain"


def _turned(summary: Summary, choice: Choice) -> list[str]:
    if not summary.turned:
        return []
    count = f"{len(summary.turned)} photographs lie turned by their EXIF orientation ({named(summary.turned)})"
    if choice.photographs != "none":
        return [f"{count}; turned copies are beside the masks"]
    return [f"{count}, and masks are upright: a tool that ignores it misplaces them; --photographs copy turns them"]


@labels.command("import")
@click.argument("source", type=PATH)
@click.option("--from", "target", type=click.Choice(formats.names()), required=True, help="The format.")
@click.option("--as", "name", required=True, help="Names the folder, data/corrected/NAME.")
@click.option("--beside", metavar="ARTIFACT", help="The labels that all other training images keep.")
@click.option("--alone", is_flag=True, help="Learn the corrected images alone.")
@click.option("--add", "added", is_flag=True, help="Keep what an earlier import of this name brought of other images.")
@click.option("--ignore-as", default="ignore", show_default=True, metavar="NAME", help="The label of ignored pixels.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def import_labels(
    source: Path, target: str, name: str, beside: str | None, alone: bool, added: bool, ignore_as: str,
    params_file: Path,
) -> None:  # fmt: skip
    """Take corrected label maps of SOURCE, a folder or file that an annotation tool exported, or a zip of it.

    They become data/corrected/NAME. `dvc repro pipelines/corrected/dvc.yaml` learns them beside the labels of all other
    training images: the two keys of the section `corrected` that say so are written into params.yaml. All its pixels
    count as labelled by hand, and results say on how many images.
    """
    params = load_params(params_file)
    index = open_index(params)
    learnt = _learnt(params, index, name, beside, alone)
    imported = incoming.import_labels(
        source, formats.of(target), index, name=name, ignore_as=ignore_as, added=added
    )
    counts = {split: f"{len(own)} of {len(index.ids(split))} {split}" for split, own in imported.splits.items()}
    click.echo(f"{imported.folder}: label maps of {' and '.join(counts.values())} images")
    for note in imported.notes:
        click.echo(note)
    masks, images = len(imported.splits.get("train", ())), len(index.ids("train"))
    if masks:
        _set(params, params_file, learnt)
        kind = supervision.TAGS if alone else manifests.supervision_of(Path(learnt.beside))
        taught = supervision.partly(kind, masks=masks, images=images)
        click.echo(f"`dvc repro {GRAPH}` learns them, supervised by {taught}")
    else:
        click.echo("no training image is among them: they measure, and no network learns them")
    click.echo(f"to measure on these masks, and no others: dataset.masks: {_below(index.root, imported.folder)}")


def _learnt(params: Params, index: Index, name: str, beside: str | None, alone: bool) -> Corrected:
    """The section `corrected` for an import of this name. Raises ExchangeError where `beside` are not all labels."""
    folder = params.corrected.beside if beside is None else label_sets.find(beside).as_posix()
    try:
        learnt = Corrected(folder=(layout.CORRECTED / name).as_posix(), beside=folder, alone=alone)
    except ValidationError:
        raise ExchangeError(f"--beside {folder} lies outside data, where DVC does not look; give an artifact") from None
    if not alone and (Path(folder) / artifacts.MANIFEST).is_file():
        there = manifests.read(Path(folder))["files"].keys()
        missing = [image_id for image_id in index.ids("train") if f"{image_id}.png" not in there]
        if missing:
            raise ExchangeError(f"{folder} lacks the labels of {len(missing)} training images ({named(missing)});"
                                " --beside wants those of all")  # fmt: skip
    return learnt


def _set(params: Params, params_file: Path, learnt: Corrected) -> None:
    """Write the section into the file of parameters, and tell what changed."""
    changed = {key: value for key, value in learnt if getattr(params.corrected, key) != value}
    if changed:
        text = written(params.model_copy(update={"corrected": learnt}), params_file.read_text(encoding="utf-8"))
        artifacts.write_text(params_file, text)
    for key, value in changed.items():
        click.echo(f"{params_file}: corrected.{key}: {value}")


def _below(root: str, folder: Path) -> str:
    """A folder as a path below the data set's."""
    return str(folder.absolute()) if Path(root).is_absolute() else os.path.relpath(folder, root)
