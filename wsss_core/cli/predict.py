"""`wsss predict`: label maps of any photographs by a trained network."""

import logging
from collections.abc import Iterable
from pathlib import Path

import click

from wsss_core import artifacts, layout
from wsss_core.cli.stage import PATH, telling_errors
from wsss_core.data.image_folder import list_images
from wsss_core.data.images import SUFFIXES, ImageError, read_image
from wsss_core.params import load_params

_log = logging.getLogger(__name__)


@click.command()
@click.argument("model", type=PATH)
@click.argument("photographs", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the label maps, made if needed.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True,
              help="Its section `predict` holds scales, mirror and CRF.")
@telling_errors
def predict(model: Path, photographs: Path, out: Path, params_file: Path) -> None:
    """Segment a photograph, or every photograph of a folder, with MODEL (a model.pt or its folder).

    Writes OUT/<name>.png, a palette PNG with 0 for background, and OUT/classes.txt. A photograph that cannot be
    read is passed over and named at the end, with exit code 1.
    """
    options = load_params(params_file).predict.model_dump()
    paths = _photographs(photographs, out=out)

    import torch  # the other commands start without it
    from tqdm import tqdm

    from wsss_core.models.inference import segment
    from wsss_core.training import checkpoint, distribution

    network, description = checkpoint.load_segmenter(model)
    fabric = distribution.launch()
    network.to(fabric.device)
    unreadable = []
    with torch.inference_mode(), fabric.autocast():
        for name, path in tqdm(paths.items(), desc="predict", unit="image"):
            try:
                image = read_image(path)
            except ImageError as error:
                unreadable.append(str(error))
                continue
            (label,) = segment(network, [image], device=fabric.device, **options)
            artifacts.write_labels(out, name, label)
    names = ("background", *description.classes)
    artifacts.write_text(out / "classes.txt", "".join(f"{i} {name}\n" for i, name in enumerate(names)))
    if unreadable:
        count = f"{len(unreadable)} of {len(paths)} photographs could not be segmented:"
        raise ImageError("\n  ".join([count, *unreadable]))


def _photographs(path: Path, *, out: Path) -> dict[str, Path]:
    """Name -> file of one photograph, or of all below a folder but what lies below `out`.

    Raises:
        ValueError: there is none, a label map would replace one, or two would share a label map.
    """
    if path.is_file():
        found = {path.stem: [path]}
    elif path.is_dir():
        folder = list_images(path, skip=[out])
        for problem in folder.problems():
            _log.warning("%s", problem.message)
        found = folder.files
    else:
        raise ValueError(f"{path} does not exist; pass a photograph or a folder of photographs")
    if not found:
        raise ValueError(f"{path} holds no photograph ({', '.join(SUFFIXES)})")
    _refuse_to_replace(found, out)
    for name, files in found.items():
        if len(files) > 1:
            raise ValueError(f"{files[0]} and {files[1]} would both become {name}.png; rename one")
    return {name: file for name, (file, *_) in found.items()}


def _refuse_to_replace(found: Iterable[str], out: Path) -> None:
    """Only a label map may be written anew: whatever else lies where one would go may be somebody's photograph."""
    for name in found:
        target = artifacts.png_path(out, name)
        if target.exists() and not artifacts.is_label_map(target):
            raise ValueError(f"{target} is no label map, and one would replace it; choose another --out")
