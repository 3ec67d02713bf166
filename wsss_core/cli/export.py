"""`wsss export`: a trained segmentation network as ONNX."""

import warnings
from pathlib import Path

import click

from wsss_core import artifacts
from wsss_core.cli.outputs import refuse_input
from wsss_core.frame.stage import PATH, telling_errors

INPUTS, OUTPUTS = ["image"], ["seg"]
"""Names by which this command also knows the files that it wrote."""


@click.command()
@click.argument("model", type=PATH)
@click.option("--out", type=PATH, required=True, help="The .onnx file.")
@telling_errors
def export(model: Path, out: Path) -> None:
    """Write MODEL (a model.pt or its folder) as ONNX.

    Input `image`: (B, 3, H, W) float32, RGB / 255 minus (0.485, 0.456, 0.406) over (0.229, 0.224, 0.225).
    Output `seg`: (B, C+1, h, w) logits, background first. An existing FILE is replaced only if it is such an export.
    """
    import torch

    from wsss_core.models import model_file, trained

    _refuse_to_replace(out, model_file.file_of(model))
    network, description = trained.load_segmenter(model)

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network(image)["seg"]

    axes = {"image": {0: "batch", 2: "height", 3: "width"}, "seg": {0: "batch", 2: "rows", 3: "columns"}}
    with artifacts.atomic(out) as temporary, warnings.catch_warnings():
        # torch would rather have its newer exporter, which needs a further package, and warns of the sizes that
        # its own group norm checks while it is traced; the file is right at any size.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            Logits().eval(), (torch.zeros(1, 3, 256, 256),), str(temporary), input_names=INPUTS,
            output_names=OUTPUTS, dynamic_axes=axes, dynamo=False,
        )  # fmt: skip
    click.echo(f"{out}: {len(description.classes) + 1} labels: background, {', '.join(description.classes)}")


def _refuse_to_replace(out: Path, model: Path) -> None:
    """Raises ValueError where --out is the model, bears another suffix, or is a file that no export made."""
    from wsss_core.models.onnx_file import inputs_and_outputs

    refuse_input(out, [model], remedy="choose another --out")
    if out.is_dir():
        return  # the system tells of it when the file is written
    if out.suffix.lower() != ".onnx":
        raise ValueError(f"--out is {out}, and what is written there is ONNX; choose a name that ends in .onnx")
    try:
        is_ours = not out.exists() or inputs_and_outputs(out) == (INPUTS, OUTPUTS)
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        raise ValueError(f"{out} is no export of this command, and would be replaced; choose another --out")
