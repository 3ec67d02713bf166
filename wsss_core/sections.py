"""The sections of params.yaml: every key, its type and its range.

Values live in params.yaml, never here; a missing key is an error as much as an unknown one.
"""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
StoreStride = Literal[1, 2, 4, 8, 16, 32]
"""Powers of two, so that a stored grid tells its stride."""
Range = tuple[Positive, Positive]
Scales = Annotated[list[Positive], Field(min_length=1)]
Split = Literal["train", "val"]
ConflictPolicy = Literal["largest", "smallest_area", "product", "ignore", "margin"]


def _with_train(splits: list[Split]) -> list[Split]:
    if "train" not in splits:
        raise ValueError("must hold train, of which all later stages make labels")
    return splits


Splits = Annotated[list[Split], AfterValidator(_with_train)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scenes(Section):
    seed: Annotated[int, Field(ge=0)]
    num_train: Count
    num_val: Count
    num_saliency: Annotated[int, Field(ge=0)]
    height: Annotated[int, Field(ge=64)]
    width: Annotated[int, Field(ge=64)]


class Dataset(Section):
    format: Literal["scenes", "voc", "folder", "coco"]
    root: str
    classes: list[str] | None
    train: Annotated[str, Field(min_length=1)]
    val: str
    labels: str | None
    images: str | None
    masks: str | None
    untagged: Literal["keep", "drop"]
    scenes: Scenes


def _stem_or_layers(value: Any) -> Any:
    named = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
    if value not in (None, True, False) and not named:
        raise ValueError("must be true, false, or names of layers such as [conv1, layer1]")
    return value


class BackboneOverride(Section):
    """Keys of `backbone` that one stage sets differently; null keeps the shared value."""

    name: str | None
    output_stride: Count | None
    weights: str | None
    dilate: bool | None
    batch_norm: Literal["frozen", "trained"] | None
    freeze_stem: bool | list[str] | None

    _told = field_validator("freeze_stem", mode="before")(_stem_or_layers)


class Backbone(Section):
    name: str
    output_stride: Count
    weights: str
    dilate: bool
    batch_norm: Literal["frozen", "trained"]
    freeze_stem: bool | list[str]

    _told = field_validator("freeze_stem", mode="before")(_stem_or_layers)

    def overridden(self, by: BackboneOverride) -> Backbone:
        return self.model_copy(update=by.model_dump(exclude_none=True))


class Optimizer(Section):
    name: Literal["sgd", "adamw"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegative
    new_lr_factor: Positive
    bias_lr_factor: Positive
    poly_power: NonNegative
    warmup: Fraction


class Augment(Section):
    long_side: Range | None
    scale: Range
    crop: Annotated[int, Field(ge=32)]
    flip: bool
    color_jitter: tuple[NonNegative, NonNegative, NonNegative, Annotated[float, Field(ge=0, le=0.5)]]
    pad: Literal["mean", "black"]

    @model_validator(mode="after")
    def _ordered(self) -> Augment:
        for name in ("long_side", "scale"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{name} is [smallest, largest], not {list(bounds)}")
        return self


class Training(Section):
    backbone: BackboneOverride
    batch: Count
    epochs: Positive
    optimizer: Optimizer
    augment: Augment


class TrainCam(Training):
    dropout: Annotated[float, Field(ge=0, lt=1)]


class InferCam(Section):
    scales: Scales
    flip: bool
    sqrt: bool
    store_stride: StoreStride
    splits: Splits
    max_pixels: Count


class MeanField(Section):
    iterations: Annotated[int, Field(ge=0)]
    gaussian_sxy: Positive
    gaussian_weight: NonNegative
    bilateral_sxy: Positive
    bilateral_srgb: Positive
    bilateral_weight: NonNegative


class Crf(MeanField):
    engine: Literal["lattice", "pydensecrf"]


class CamCrf(Crf):
    background_exponent: Positive


class BackgroundExponents(Section):
    background_exponent_low: Positive
    background_exponent_high: Positive

    @model_validator(mode="after")
    def _ordered(self) -> BackgroundExponents:
        if self.background_exponent_low >= self.background_exponent_high:
            raise ValueError(
                "background_exponent_low must be below background_exponent_high: the low exponent strengthens"
                " the background, so that the foreground which survives is confident"
            )
        return self


class AffinityLabels(Crf, BackgroundExponents):
    pass


class TrainAffinity(Training):
    radius: Annotated[int, Field(ge=2)]
    taps: tuple[int, int, int]
    widths: tuple[Count, Count, Count]
    freeze_backbone: bool
    init: Literal["backbone", "cam"]

    @field_validator("taps")
    @classmethod
    def _ascending(cls, taps: tuple[int, int, int]) -> tuple[int, int, int]:
        # a tap from the start (0, 1) and one from the end (-2, -1) compare only once the backbone is known
        if any((a < 0) == (b < 0) and a >= b for a, b in combinations(taps, 2)):
            raise ValueError("must be three different taps, ascending; negative ones count from the last, -1")
        return taps


class RandomWalk(Section):
    radius: Annotated[int, Field(ge=2)]
    beta: Positive
    log2_steps: Annotated[int, Field(ge=0, le=12)]
    background_exponent: Positive
    store_stride: StoreStride
    splits: Splits
    max_pixels: Count


class OnnxSaliency(Section):
    size: Annotated[int, Field(ge=32)] | None
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    divide_by: Literal["maximum", 255]
    output: str | None
    logits: bool


class Saliency(Section):
    method: Literal["rbd", "mr", "mbd_plus", "mean", "folder", "u2net", "u2netp", "onnx"]
    folder: str | None
    weights: str | None
    normalise: bool
    onnx: OnnxSaliency
    acknowledge_patents: bool

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
        if self.method in ("mr", "mbd_plus", "mean") and not self.acknowledge_patents:
            raise ValueError(
                f"method: {self.method} is covered by patent notes of its authors (docs/affinitynet.md);"
                " set acknowledge_patents: true to use it, or take rbd"
            )
        return self


class DualXor(Section):
    cam_threshold: Fraction
    saliency_threshold: Fraction
    multi: ConflictPolicy


class Oaa(Section):
    foreground_threshold: Fraction
    conflict_threshold: Fraction
    saliency_threshold: Fraction
    attention_threshold: Fraction
    min_ratio: Fraction
    multi: ConflictPolicy


class Icd(Section):
    score_threshold: Fraction
    saliency_threshold: Fraction
    multi: ConflictPolicy


class Harmonic(Section):
    conflict_threshold: Fraction
    saliency_threshold: Fraction
    multi: ConflictPolicy


class ConstBg(Section):
    background_score: Fraction
    multi: ConflictPolicy


class Soft(Section):
    background_exponent: Positive
    saliency_exponent: Positive
    saliency_weight: Fraction
    multi: ConflictPolicy


class Fuse(Section):
    rule: Literal["soft", "dual_xor", "oaa", "icd", "harmonic", "const_bg"]
    norm: Literal["max", "minmax", "none"]
    store_stride: StoreStride
    soft: Soft
    dual_xor: DualXor
    oaa: Oaa
    icd: Icd
    harmonic: Harmonic
    const_bg: ConstBg


class RefineCrf(Crf):
    label_confidence: Annotated[float, Field(gt=0, lt=1)]
    keep_ignore: bool


class TrainDeeplab(Training):
    head: Literal["largefov", "aspp_v2", "deeplabv3"]
    atrous_rates: Annotated[list[Count], Field(min_length=1)] | None
    init: Literal["backbone", "cam"]

    @field_validator("atrous_rates")
    @classmethod
    def _as_many_as_the_head_takes(cls, rates: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if info.data.get("head") == "largefov" and rates is not None and len(rates) != 1:
            raise ValueError("head largefov has one atrous rate; give a list of one, or null for the paper's")
        return rates


class Predict(Section):
    scales: Scales
    flip: bool
    crf: Crf | None
    max_pixels: Count


class Evaluate(Section):
    threshold_step: Annotated[float, Field(gt=0, le=0.5)]
    tuning_every: Annotated[int, Field(ge=0)]


class Report(Section):
    num_images: Count
