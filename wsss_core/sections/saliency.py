"""The section of saliency maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from wsss_core import registry
from wsss_core.sections.section import Positive, Section, setting
from wsss_core.supervision import SALIENCY_NETWORKS

METHODS = (*registry.detectors(), "folder", *SALIENCY_NETWORKS)
_PATENTED = registry.patented()
if TYPE_CHECKING:
    Method = str
else:
    Method = Literal[METHODS]


class OnnxSaliency(Section):
    """Of method onnx."""

    size: Annotated[int, Field(ge=32)] | None = setting(None, "pixels a side; null = the file's")
    mean: tuple[float, float, float] = setting((0.485, 0.456, 0.406), "of RGB, by which it is normalised")
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    divide_by: Literal["maximum", 255] = setting("maximum", "before that. maximum: the picture's own | 255")
    output: str | None = setting(None, "the output that is the map; null = the first")
    logits: bool = setting(False, "whether it holds logits instead of [0, 1]")


class Saliency(Section):
    method: Method = setting("rbd", f"{' | '.join(METHODS)} (docs/saliency.md)")
    folder: str | None = setting(None, "of maps made elsewhere, <id>.png 8 bit grey")
    weights: str | None = setting(
        None, "u2net, u2netp: auto | path of the .pth, .safetensors or .onnx; onnx: path of the .onnx"
    )
    normalise: bool = setting(
        True, "stretch each map of a network to 0..1, as released; false: one that finds nothing stays low"
    )
    onnx: OnnxSaliency = OnnxSaliency()
    acknowledge_patents: bool = setting(False, f"{', '.join(_PATENTED)} carry patent notes")

    @model_validator(mode="after")
    def _usable(self) -> Saliency:
        if self.method == "folder" and self.folder is None:
            raise ValueError("method: folder needs `folder`, the path of the maps (<id>.png, 8 bit grey)")
        if self.method in ("u2net", "u2netp") and self.weights is None:
            raise ValueError(
                f"method: {self.method} needs `weights`: auto, or the path of its .pth, .safetensors or .onnx file"
            )
        if self.method == "onnx" and self.weights in (None, "auto"):
            raise ValueError("method: onnx needs `weights`, the path of the network's .onnx file")
        if self.method in _PATENTED and not self.acknowledge_patents:
            raise ValueError(
                f"method: {self.method} is covered by patent notes of its authors (docs/affinitynet.md);"
                " set acknowledge_patents: true to use it, or take rbd"
            )
        return self


class SaliencySource(Section):
    """Photographs, of any classes, and masks of what is salient in them."""

    images: str | None = setting(
        "data/raw/scenes/Saliency/Image", "null for both: the maps of the stage `saliency`, which nobody drew"
    )
    masks: str | None = "data/raw/scenes/Saliency/Mask"

    @model_validator(mode="after")
    def _both_or_none(self) -> SaliencySource:
        if (self.images is None) != (self.masks is None):
            raise ValueError("give both folders, images and masks, or null for both")
        if "" in (self.images, self.masks):
            raise ValueError("a folder has no name; give both folders, images and masks, or null for both")
        return self
