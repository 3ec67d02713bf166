"""Any saliency network as an ONNX file, run by onnxruntime, an optional package."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import torch

from wsss_core.inference.saliency import Rgb, SaliencyNetwork
from wsss_core.models.onnx_file import check_onnx

logger = logging.getLogger(__name__)

FLOATS = ("tensor(float)", "tensor(float16)")
TOLERANCE = 0.01
"""How far beyond [0, 1] rounding may carry a network's answer."""


def open_onnx(
    path: Path,
    *,
    size: int | None,
    mean: Rgb,
    std: Rgb,
    divide_by: Literal["maximum", 255],
    output: str | None,
    logits: bool,
    device: torch.device,
) -> SaliencyNetwork:
    """The network of a file, whose only input is (B, 3, h, w), as something that makes maps.

    Args:
        path: the .onnx, its weights inside.
        size: pixels a side of the input, where the file leaves them open; None takes the file's own.
        mean, std, divide_by: how pictures are normalised; see `SaliencyNetwork`.
        output: name of the output that is the map, (B, 1, h', w') or (B, h', w'); None = the first.
        logits: whether it gives logits; else [0, 1].
        device: a GPU where there is one and onnxruntime can use it.

    Raises:
        ValueError: onnxruntime is not installed, or the file is missing, unreadable, takes no single picture, or has
            no such output or size.
    """
    if not path.is_file():
        raise ValueError(
            f"saliency.weights is {str(path)!r}, and there is no such file; give the path of an .onnx file"
        )
    session = _session(path, device)
    batch, height, width = _input_axes(path, session)
    name = _output_name(path, session, output)
    feed = session.get_inputs()[0]
    is_first = True

    def predict(pictures: torch.Tensor) -> torch.Tensor:
        """(B, h', w') in [0, 1] of (B, 3, height, width) normalised pictures; ValueError where the file cannot."""
        nonlocal is_first
        array = pictures.float().cpu().numpy().astype("float16" if "float16" in feed.type else "float32")
        try:
            answer = torch.from_numpy(session.run([name], {feed.name: array})[0]).float()
        except Exception as error:  # onnxruntime's own kinds derive from Exception alone
            raise ValueError(
                f"{path} cannot be run on pictures of {tuple(array.shape)}: {_first_line(error)}"
            ) from error
        maps = _checked(answer, path, num_images=len(pictures), logits=logits)
        if logits and is_first:
            _warn_of_probabilities(maps, path)
        is_first = False
        return maps.sigmoid() if logits else maps.clamp(0, 1)

    return SaliencyNetwork(
        predict, (_side(path, height, size), _side(path, width, size)), device, mean=mean, std=std,
        divide_by=divide_by, whole_batches=batch is None,
    )  # fmt: skip


def _session(path: Path, device: torch.device) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ValueError(
            "saliency.method: onnx needs the package onnxruntime; install it (`pip install 'wsss[saliency]'`, or"
            " onnxruntime-gpu), or take method u2net or u2netp, which need none"
        ) from None
    check_onnx(path)  # tells damage and weights in other files, in our words
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    providers: list = ["CPUExecutionProvider"]
    if device.type == "cuda":
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        else:
            logger.warning("this onnxruntime cannot use the GPU and computes on the CPU; install onnxruntime-gpu")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # as above
        raise ValueError(
            f"{path} cannot be opened by onnxruntime {onnxruntime.__version__}: {_first_line(error)}; export the"
            " network anew"
        ) from error


def _input_axes(path: Path, session: Any) -> tuple[int | None, int | None, int | None]:
    """Batch, height and width of the input, None where they are free."""
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3 or inputs[0].type not in FLOATS:
        found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise ValueError(f"{path} takes {found}, not one float picture (batch, 3, height, width); export it so")
    batch, _, height, width = (axis if isinstance(axis, int) else None for axis in inputs[0].shape)
    if batch not in (None, 1):
        raise ValueError(f"{path} takes {batch} pictures at once; export it for one, or with a free batch axis")
    return batch, height, width


def _side(path: Path, own: int | None, wanted: int | None) -> int:
    if own is None and wanted is None:
        raise ValueError(f"{path} leaves the size of its input open; set saliency.onnx.size to that of its training")
    if own is not None and wanted not in (None, own):
        raise ValueError(f"{path} takes pictures of {own} pixels, saliency.onnx.size is {wanted}; set it to null")
    return own or wanted or 0


def _output_name(path: Path, session: Any, wanted: str | None) -> str:
    names = [one.name for one in session.get_outputs()]
    if wanted is not None and wanted not in names:
        raise ValueError(f"{path} has no output {wanted!r}; set saliency.onnx.output to one of {', '.join(names)}")
    return wanted or names[0]


def _checked(answer: torch.Tensor, path: Path, *, num_images: int, logits: bool) -> torch.Tensor:
    """(B, h', w') finite, and but for rounding in [0, 1] where they are no logits."""
    maps = answer[:, 0] if answer.ndim == 4 and answer.shape[1] == 1 else answer
    if maps.ndim != 3 or len(maps) != num_images:
        raise ValueError(
            f"{path} answers {num_images} pictures with {tuple(answer.shape)}, not with a map each; set"
            " saliency.onnx.output to the output that is (batch, 1, height, width)"
        )
    if not maps.isfinite().all():
        raise ValueError(f"{path} answers with values that are no numbers; fetch or export the file again")
    if not logits and (maps.min() < -TOLERANCE or maps.max() > 1 + TOLERANCE):
        raise ValueError(
            f"{path} answers with values from {maps.min():.3g} to {maps.max():.3g}, not from 0 to 1; set"
            " saliency.onnx.logits: true if they are logits"
        )
    return maps


def _warn_of_probabilities(maps: torch.Tensor, path: Path) -> None:
    """Logits of background are below 0, and hardly a photograph has none; of maps the sigmoid makes .5 to .73."""
    if maps.min() >= 0 and maps.max() <= 1:
        logger.warning(
            "%s answers the first photographs with values from %.3g to %.3g only, as a map has them and logits hardly"
            " do; set saliency.onnx.logits: false unless you know that they are logits", path, maps.min(), maps.max(),
        )  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip()
