"""`wsss export`: a trained segmentation network as ONNX, or as a program of PyTorch."""

import errno
import os
from importlib.util import find_spec
from pathlib import Path

import click

from wsss_core import artifacts
from wsss_core.cli.outputs import refuse_input
from wsss_core.frame.stage import PATH, telling_errors

ONNX, PROGRAM = ".onnx", ".pt2"


@click.command()
@click.argument("model", type=PATH)
@click.option("--out", type=PATH, required=True, help="The .onnx or .pt2 file.")
@telling_errors
def export(model: Path, out: Path) -> None:
    """Write MODEL (a model.pt or its folder) as ONNX, or, where FILE ends in .pt2, as torch.export's ExportedProgram.

    Input `image`: (B, 3, H, W) float32, RGB / 255 minus (0.485, 0.456, 0.406) over (0.229, 0.224, 0.225).
    Output `seg`: (B, C+1, h, w) logits, background first. The file says this, its classes and its stride as JSON:
    docs/export.md. An existing FILE is replaced only if it is such an export.
    """
    from wsss_core.models import exports, model_file, trained

    _refuse_to_replace(out, model_file.file_of(model))
    if out.suffix.lower() == ONNX and find_spec("onnx") is None:
        raise ValueError("an .onnx file is written by the package onnx: `pip install 'wsss[export]'`, or take a .pt2")
    network, description = trained.load_segmenter(model)
    write = exports.write_onnx if out.suffix.lower() == ONNX else exports.write_program
    with artifacts.atomic(out) as temporary:
        write(temporary, network, description.classes)
    click.echo(f"{out}: {len(description.classes) + 1} labels: background, {', '.join(description.classes)}")


def _refuse_to_replace(out: Path, model: Path) -> None:
    """Nothing is written over but an earlier export.

    Raises:
        IsADirectoryError: a folder stands there.
        ValueError: --out is the model, bears another suffix, or is a file that no export made.
    """
    from wsss_core.models import exports

    refuse_input(out, [model], remedy="choose another --out")
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(out))
    is_ours = {ONNX: exports.is_onnx, PROGRAM: exports.is_program}.get(out.suffix.lower())
    if is_ours is None:
        raise ValueError(
            f"--out is {out}, and what is written there is ONNX or a program of PyTorch; choose a name that ends in"
            f" {ONNX} or {PROGRAM}"
        )
    if out.exists() and not is_ours(out):
        raise ValueError(f"{out} is no export of this command, and would be replaced; choose another --out")
