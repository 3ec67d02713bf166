"""The networks whose throughput is measured, as the methods build them, and a loss that reaches all their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import nn

from wsss_core import registry
from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.methods.affinitynet.objective import affinity
from wsss_core.methods.cam.objective import classification
from wsss_core.methods.deeplab.objective import segmentation
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.ops.network_cells import network_stride
from wsss_core.training.loop import Losses, Terms


@dataclass(frozen=True)
class Network:
    """One network and the size of its training steps.

    Attributes:
        name: what it is called in the report.
        method: whose network it is.
        backbone, output_stride: as in params.yaml.
        options: further arguments of the network.
        batch, crop: of a training step.
        losses: what it minimises here. Methods make further labels on the way; their cost is measured by rrm_step.
        scales: of inference, each with its mirror.
        rehearsed: whether the CPU's rehearsal measures it too.
        precisions: in which it is measured.
    """

    name: str
    method: str
    backbone: str
    output_stride: int
    batch: int
    crop: int
    losses: Losses
    options: Mapping[str, object] = field(default_factory=dict)
    scales: tuple[float, ...] = (1.0,)
    rehearsed: bool = True
    precisions: tuple[str, ...] = ("bf16-mixed",)

    def build(self, weights: str | None, *, num_classes: int) -> nn.Module:
        """With the weights of its backbone, where some are at hand."""
        backbone = {"name": self.backbone, "output_stride": self.output_stride, "weights": "none",
                    "batch_norm": "frozen"}  # fmt: skip
        if weights and self.backbone == "mobilenetv2_100":
            backbone["weights"] = weights
        make = registry.part(self.method, "network").NETWORK
        return build_network(
            make, pretrained_backbone(**backbone), num_classes=num_classes, options=dict(self.options)
        )

    def smaller(self) -> Network:
        """As a CPU rehearses it: in float32, and little of it."""
        return replace(self, batch=2, crop=65, scales=(1.0,), precisions=("32-true",))


def _every_output(model: nn.Module, batch: dict, progress: float) -> Terms:
    """Labels for what segments, and the mean square of all else: every head works, forward and backward."""
    outputs = model(batch["image"])
    others = [value for name, value in outputs.items() if name != "seg" and value.requires_grad]
    squares = torch.stack([value.float().square().mean() for value in others]).sum()
    segmentation = segmentation_loss(outputs["seg"], batch["labels"], stride=network_stride(model))
    return Terms({"segmentation": segmentation, "others": 1e-3 * squares})


_AFFINITY = {"taps": [-3, -2, -1], "widths": [64, 128, 256], "freeze_backbone": False}
_TWO_BRANCH = {"dropout": 0.5, "head_channels": 256, "atrous_rate": None}
_AUXSEGNET = {"dropout": 0.3, "head_channels": 128, "atrous_rates": [3, 6, 9], "saliency": True, "affinity": "cross",
              "renormalise_rows": False}  # fmt: skip
_SSNET = {"step": 1, "aggregation_grid": 20, "atrous_rates": None}
_DEEPLAB = {"head": "deeplabv3", "atrous_rates": [3, 6, 9]}
_CAM_SCALES = (1.0, 0.5, 1.5, 2.0)
_BOTH = ("bf16-mixed", "32-true")
_affinity = partial(affinity, radius=5)

NETWORKS = (
    Network("CAM, MobileNetV2", "cam", "mobilenetv2_100", 16, 16, 224, classification, {"dropout": 0.3},
            _CAM_SCALES, precisions=_BOTH),
    Network("DeepLab, MobileNetV2", "deeplab", "mobilenetv2_100", 16, 8, 241, segmentation, _DEEPLAB,
            precisions=_BOTH),
    Network("CAM, ResNet-50", "cam", "resnet50", 16, 16, 448, classification, {"dropout": 0.3}, _CAM_SCALES,
            rehearsed=False, precisions=_BOTH),
    Network("AffinityNet, MobileNetV2", "affinitynet", "mobilenetv2_100", 8, 8, 224, _affinity, _AFFINITY),
    Network("RRM and AA&LR, MobileNetV2", "rrm", "mobilenetv2_100", 16, 8, 241, _every_output, _TWO_BRANCH),
    Network("AuxSegNet, MobileNetV2", "auxsegnet", "mobilenetv2_100", 16, 8, 241, _every_output, _AUXSEGNET),
    Network("SSNet, MobileNetV2", "ssnet", "mobilenetv2_100", 16, 8, 193, _every_output, _SSNET),
    Network("DeepLab, ResNet-50", "deeplab", "resnet50", 8, 8, 321, segmentation, _DEEPLAB, rehearsed=False),
    Network("CAM, ResNet38d", "cam", "resnet38d", 8, 8, 448, classification, {"dropout": 0.5}, (1.0,),
            rehearsed=False),
)  # fmt: skip
"""In the order of worth. U²-Net-P, which is not trained here, is not among them: part 2 holds its maps to the CPU's."""
