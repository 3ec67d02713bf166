"""CAM inference against the released way: one view after the other, each decoded, resized and upsampled anew."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import Floor, Row, compare
from benchmarks.photographs import HEIGHT, NAMES, WIDTH, photograph
from wsss_core.inference.cam import class_activation_maps
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.ops import cam, grids
from wsss_core.ops.images import resized, stacked
from wsss_core.ops.network_cells import class_maps_on_grid

SCALES = (0.5, 1.0, 1.5, 2.0)
TAGS = (9, 15)
BACKBONES = ("mobilenetv2_100", "resnet50")


def rows(device: torch.device) -> list[Row]:
    """In float32, and in bf16 where the device computes in it: what `WSSS_PRECISION=bf16-mixed` gives."""
    has_bf16 = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    precisions = (torch.float32, torch.bfloat16) if has_bf16 else (torch.float32,)
    return [_row(backbone, precision, device) for precision in precisions for backbone in BACKBONES]


def _row(backbone: str, precision: torch.dtype, device: torch.device) -> Row:
    batch = 8 if device.type == "cuda" else 1
    files = [_jpeg(photograph(NAMES[i % 3], HEIGHT, WIDTH)) for i in range(batch)]
    model, plain = _network(backbone).to(device), _network(backbone).to(device, memory_format=torch.contiguous_format)
    plain.load_state_dict(model.state_dict())

    @torch.inference_mode()
    def ours() -> list[np.ndarray]:
        images = [_decode(file) for file in files]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            found = class_activation_maps(
                model, images, [TAGS] * batch, scales=SCALES, flip=True, sqrt=False, store_stride=4, max_pixels=10**7,
                device=device,
            )  # fmt: skip
        return [scores.scores for scores in found]

    @torch.inference_mode()
    def released() -> list[np.ndarray]:
        return [_one_view_at_a_time(plain, file, device) for file in files]

    with FlopCounterMode(display=False) as counter:
        ours()
    difference = max(np.abs(a - b).max() for a, b in zip(ours(), released(), strict=True))
    return compare(
        "cam_inference",
        ours,
        released,
        agreement=f"max|d CAM| = {difference:.0e}",
        size=f"{backbone}, {precision}, {batch} of {HEIGHT}x{WIDTH}, scales {SCALES}, mirrors",
        floor=Floor(gigaflops=counter.get_total_flops() / 1e9),
        device=device,
    )


def _network(backbone: str) -> Any:
    """Random weights: time does not depend on them."""
    options = {
        "name": backbone, "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "frozen",
        "freeze_stem": False,
    }  # fmt: skip
    return build_network(CamNetwork, pretrained_backbone(**options), num_classes=20, options={"dropout": 0.0}).eval()


def _one_view_at_a_time(model: CamNetwork, file: bytes, device: torch.device) -> np.ndarray:
    total = torch.zeros(len(TAGS), *grids.grid_size((HEIGHT, WIDTH), stride=4), device=device)
    for scale in SCALES:
        for mirrored in (False, True):
            image = _decode(file)
            view = resized(stacked([image], device), (round(HEIGHT * scale), round(WIDTH * scale)))
            maps = F.relu(model.cams(view.flip(-1) if mirrored else view))[:, [tag - 1 for tag in TAGS]]
            total += class_maps_on_grid(
                maps, view=(view.shape[-2], view.shape[-1]), size=(HEIGHT, WIDTH), stride=model.stride,
                centre=model.centre, store_stride=4, mirrored=mirrored,
            )[0]
    return cam.rectified_over_maximum(total.cpu().numpy())


def _jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=95)
    return file.getvalue()


def _decode(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))
