"""`wsss predict`: label maps of any photographs by a trained network."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click

from wsss_core import artifacts
from wsss_core.cli.outputs import is_label_map, refuse_input
from wsss_core.data.artifact_names import name_problems
from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.images import SUFFIXES, ImageError, read_image, why_foreign
from wsss_core.exchange.label_sets import LEGEND
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import load_predict
from wsss_core.problems import named
from wsss_core.sections.labels import Crf, Predict

_log = logging.getLogger(__name__)

CRF = Crf(bilateral_sxy=83, bilateral_srgb=5, bilateral_weight=4)
"""DeepLab's, as the preset voc12 has it."""


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


@click.command()
@click.argument("model", type=PATH)
@click.argument("photographs", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the label maps, made if needed.")
@click.option("--scales", type=_Scales(), help="Sizes that are averaged, e.g. 0.5,1,1.5.  [default: 1]")
@click.option("--flip/--no-flip", default=None, help="Average over the mirror image too, or not.  [default: flip]")
@click.option("--crf/--no-crf", default=None,
              help="Refine by a dense CRF (DeepLab's values; others by --params), or not.  [default: no-crf]")
@click.option("--max-pixels", type=click.IntRange(min=1), help="Larger views are shrunk to this.  [default: 4000000]")
@click.option("--params", "params_file", type=PATH,
              help="A params.yaml or preset: what its section `predict` sets replaces the defaults.")
@telling_errors
def predict(model: Path, photographs: Path, out: Path, params_file: Path | None, **given: object) -> None:
    """Segment a photograph, or every photograph of a folder, with MODEL (a model.pt or its folder).

    Writes OUT/<name>.png, a palette PNG with 0 for background, and OUT/classes.txt, by which it knows its own label
    maps again: nothing else in OUT is replaced. It needs nothing but the model:
    scales, mirror and CRF come from the options, else from the file that --params names, else from the defaults shown;
    a params.yaml in the working folder is not read. A photograph that cannot be read is passed over and named at the
    end, with exit code 1; other files are counted and named.
    """
    options = _options(params_file, given)
    paths, unusable = _photographs(photographs, out=out)

    import torch  # the other commands start without it
    from tqdm import tqdm

    from wsss_core.inference.segmentation import segment
    from wsss_core.models import trained
    from wsss_core.models.build import on_device
    from wsss_core.runtime import devices

    network, description = trained.load_segmenter(model)
    fabric = devices.launch()
    on_device(network, fabric.device)
    _write_legend(out / LEGEND, ("background", *description.classes))  # first: it tells whose the label maps are
    unreadable = []
    with torch.inference_mode(), fabric.autocast():
        for name, path in tqdm(paths.items(), desc="predict", unit="image"):
            try:
                image = read_image(path)
            except ImageError as error:
                unreadable.append(str(error))
                continue
            (label,) = segment(network, [image], device=fabric.device, **options.model_dump())
            artifacts.write_labels(out, name, label)
    click.echo(f"{out}: {len(paths) - len(unreadable)} label maps ({_described(options)})")
    if unusable or unreadable:
        count = f"{len(unusable) + len(unreadable)} of {len(unusable) + len(paths)} photographs could not be segmented:"
        raise ValueError("\n  ".join([count, *unreadable, *unusable]))


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


def _photographs(path: Path, *, out: Path) -> tuple[dict[str, Path], list[str]]:
    """Name -> file of one photograph, or of all below a folder but what lies below `out`; and why others are no use.

    Raises:
        ValueError: there is none, or label maps cannot be written: for their names, or for what lies in their place.
    """
    unusable = []
    if path.is_file():
        reason = why_foreign(path.suffix.lower())
        if reason:
            raise ImageError(f"{path} cannot be segmented, {reason}")
        found = {path.stem: [path]}
    elif path.is_dir():
        folder = list_images(path, skip=[out])
        found, unusable = folder.files, _passed_over(folder)
    else:
        raise ValueError(f"{path} does not exist; pass a photograph or a folder of photographs")
    if not found:
        lines = [f"{path} holds no photograph that can be read ({', '.join(SUFFIXES)})", *unusable]
        raise ValueError("\n  ".join(lines))
    _require_names(found, out)
    paths = {name: file for name, (file, *_) in found.items()}
    _refuse_to_replace(paths, out)
    return paths, unusable


def _passed_over(folder: ImageFolder) -> list[str]:
    """Why each photograph that cannot be opened is no use; what is no photograph is but told."""
    strangers = replace(folder, passed_over=tuple(item for item in folder.passed_over if not item.is_photograph))
    for problem in strangers.problems():
        _log.warning("%s", problem.message)
    if folder.others:
        texts = sorted(path.relative_to(folder.path).as_posix() for path in folder.others)
        _log.warning("%s: %d texts and tables are passed over: %s", folder.path, len(texts), named(texts))
    return [f"{item.path} is passed over, {item.reason}" for item in folder.passed_over if item.is_photograph]


def _refuse_to_replace(found: Mapping[str, Path], out: Path) -> None:
    """Nothing is written over but what this command wrote, which the folder's legend tells.

    Raises:
        ValueError: a label map or the legend would replace a photograph that is read, or what may be somebody's work.
    """
    legend, targets = out / LEGEND, [artifacts.png_path(out, name) for name in found]
    there = [target for target in targets if target.exists()]
    foreign = [target for target in there if not is_label_map(target)]
    if foreign:
        raise ValueError(f"{foreign[0]} is no label map, and one would replace it; choose another --out")
    for photograph, target in zip(found.values(), targets, strict=True):
        refuse_input(target, [photograph], remedy="choose another --out")
    if legend.exists() and not _is_legend(legend):
        raise ValueError(f"{legend} is none that this command wrote, and would be replaced; choose another --out")
    if there and not legend.exists():
        raise ValueError(
            f"{len(there)} label maps would be replaced ({named([str(path) for path in there])}), and {out} holds no"
            f" {LEGEND} to tell that this command wrote them; choose another --out"
        )


def _write_legend(path: Path, names: Sequence[str]) -> None:
    """A line for each label: its number and its name.

    Raises:
        ValueError: there is one that names others, so that label maps that lie there would change their meaning.
    """
    text = "".join(f"{label} {name}\n" for label, name in enumerate(names))
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ValueError(f"{path} is of a network with other classes, whose label maps lie there; choose another --out")
    artifacts.write_text(path, text)


def _is_legend(path: Path) -> bool:
    """Whether a file is a legend as this command writes it; the lists of others hold no numbers, nor the background."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return lines[:1] == ["0 background"] and all(line.startswith(f"{k} ") for k, line in enumerate(lines))


def _require_names(found: Mapping[str, Sequence[Path]], out: Path) -> None:
    """Every photograph has a label map of its own, whose name a file can bear.

    Raises:
        ValueError: some have none; names all of them.
    """
    problems = [problem.message for problem in name_problems({name: files[0] for name, files in found.items()}, out)]
    problems += [
        f"{files[0]} and {files[1]} would both become {name}.png; rename one"
        for name, files in found.items() if len(files) > 1
    ]  # fmt: skip
    for name, (file, *_) in found.items():
        parents = [out / parent for parent in PurePosixPath(name).parents if parent.name]
        problems += [f"{file}: {path} is a file and would have to be a folder; choose another --out"
                     for path in parents if path == out / LEGEND or path.is_file()]  # fmt: skip
    if problems:
        heading = [f"{len(problems)} label maps cannot be written:"] if len(problems) > 1 else []
        raise ValueError("\n  ".join([*heading, *problems]))
