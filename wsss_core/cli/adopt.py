"""`wsss adopt`: go on with label maps that were changed by hand."""

from pathlib import Path

import click

from wsss_core import layout, manifests, supervision
from wsss_core.artifacts import ArtifactError
from wsss_core.cli.outputs import is_label_map
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.params import load_params

BY_HAND = ", changed by hand"


@click.command()
@click.argument("folder", type=PATH)
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def adopt(folder: Path, params_file: Path) -> None:
    """Take label maps of FOLDER that you corrected by hand as they are now.

    Save each as a new file (the old one may be a link into DVC's cache), a PNG with VOC's palette and the size of its
    photograph. Every changed map is checked; nothing else may differ from what the stage wrote. From then on the
    folder, and what is learnt from it, counts as supervised by true masks.
    """
    index = open_index(load_params(params_file))
    manifest = manifests.read(folder)
    names, known = manifests.files_of(folder), manifest["files"]
    if missing := sorted(known.keys() - names):
        raise ArtifactError(f"{folder} lacks {len(missing)} of {len(known)} files, {missing[0]} first; put them back")
    if foreign := sorted(names - known.keys()):
        raise ArtifactError(f"{folder} holds {len(foreign)} further files, {foreign[0]} first; move them away")
    changed = sorted(name for name in names if manifests.file_digest(folder / name) != known[name])
    for name in changed:
        _require_label_map(folder / name, folder, index)
    if changed:
        stage = manifest["stage"].removesuffix(BY_HAND) + BY_HAND
        manifests.write(
            folder, stage=stage, params={"adopted": manifest["params"]}, names=names,
            supervised_by=supervision.PIXELS,
        )  # fmt: skip
    click.echo(
        f"{len(changed)} of {len(names)} label maps of {folder} are adopted. `dvc commit -f {folder}` tells DVC, or its"
        " next run takes them back"
    )


def _require_label_map(path: Path, folder: Path, index: Index) -> None:
    image_id = path.relative_to(folder).with_suffix("").as_posix()
    if path.suffix != ".png" or image_id not in index:
        raise ArtifactError(f"{path} is no label map of a photograph; only these can be adopted")
    Maps(folder, index).labels(image_id)
    if not is_label_map(path):
        raise ArtifactError(
            f"{path} has no palette, or another than VOC's: its pixels may not be class ids; save it as a palette PNG"
            " with the colours of the map that it replaces"
        )
