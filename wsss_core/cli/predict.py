"""`wsss predict`: label maps of any photographs by a trained network."""

from pathlib import Path

import click

from wsss_core import artifacts, layout
from wsss_core.cli.stage import PATH, telling_errors
from wsss_core.params import load_params

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


@click.command()
@click.argument("model", type=PATH)
@click.argument("photographs", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the label maps, made if needed.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True,
              help="Its section `predict` holds scales, mirror and CRF.")
@telling_errors
def predict(model: Path, photographs: Path, out: Path, params_file: Path) -> None:
    """Segment a photograph, or every photograph of a folder, with MODEL (a model.pt or its folder).

    Writes OUT/<name>.png, a palette PNG with 0 for background, and OUT/classes.txt.
    """
    options = load_params(params_file).predict.model_dump()
    paths = _photographs(photographs)

    import torch  # the other commands start without it
    from tqdm import tqdm

    from wsss_core.data.images import read_image
    from wsss_core.models.inference import segment
    from wsss_core.training import checkpoint, distribution

    network, description = checkpoint.load_segmenter(model)
    fabric = distribution.launch()
    network.to(fabric.device)
    with torch.inference_mode(), fabric.autocast():
        for name, path in tqdm(paths.items(), desc="predict", unit="image"):
            (label,) = segment(network, [read_image(path)], device=fabric.device, **options)
            artifacts.write_labels(out, name, label)
    names = ("background", *description.classes)
    artifacts.write_text(out / "classes.txt", "".join(f"{i} {name}\n" for i, name in enumerate(names)))


def _photographs(path: Path) -> dict[str, Path]:
    """Name -> file of one photograph, or of all below a folder."""
    if path.is_file():
        return {path.stem: path}
    if not path.is_dir():
        raise ValueError(f"{path} does not exist; pass a photograph or a folder of photographs")
    found: dict[str, Path] = {}
    for file in sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES):
        name = file.relative_to(path).with_name(file.stem).as_posix()
        if name in found:
            raise ValueError(f"{found[name]} and {file} would both become {name}.png; rename one")
        found[name] = file
    if not found:
        raise ValueError(f"{path} holds no photograph ({', '.join(sorted(SUFFIXES))})")
    return found
