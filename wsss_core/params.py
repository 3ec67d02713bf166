"""params.yaml as one validated model: every section, every key, every range.

Values live in params.yaml, never here; a section that lacks a key, holds an unknown one or a value out
of range is an error, and all errors of the file are reported together.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Stride = Literal[8, 16, 32]
Range = tuple[Positive, Positive]
Scales = Annotated[list[Positive], Field(min_length=1)]
ConflictPolicy = Literal["largest", "smallest_area", "product", "ignore", "margin"]


class ParamsError(ValueError):
    """params.yaml is missing, is no YAML, or breaks the model; the text lists every error."""


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
    train: str
    val: str
    labels: str | None
    images: str | None
    masks: str | None
    scenes: Scenes


class BackboneOverride(Section):
    """Keys of `backbone` that one stage sets differently; null keeps the shared value."""

    name: str | None
    output_stride: Stride | None
    weights: str | None
    dilate: bool | None
    batch_norm: Literal["frozen", "trained"] | None
    freeze_stem: bool | None


class Backbone(Section):
    name: str
    output_stride: Stride
    weights: str
    dilate: bool
    batch_norm: Literal["frozen", "trained"]
    freeze_stem: bool

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
    store_stride: Count
    splits: Annotated[list[Literal["train", "val"]], Field(min_length=1)]
    max_pixels: Count


class Crf(Section):
    iterations: Annotated[int, Field(ge=0)]
    gaussian_sxy: Positive
    gaussian_weight: NonNegative
    bilateral_sxy: Positive
    bilateral_srgb: Positive
    bilateral_weight: NonNegative


class CamCrf(Crf):
    background_exponent: Positive


class AffinityLabels(Crf):
    background_exponent_low: Positive
    background_exponent_high: Positive

    @model_validator(mode="after")
    def _ordered(self) -> AffinityLabels:
        if self.background_exponent_low >= self.background_exponent_high:
            raise ValueError(
                "background_exponent_low must be below background_exponent_high: the low exponent strengthens"
                " the background, so that the foreground which survives is confident"
            )
        return self


class TrainAffinity(Training):
    radius: Annotated[int, Field(ge=2)]
    taps: tuple[int, int, int]
    widths: tuple[Count, Count, Count]
    freeze_backbone: bool
    init: Literal["backbone", "cam"]


class RandomWalk(Section):
    radius: Annotated[int, Field(ge=2)]
    beta: Positive
    log2_steps: Annotated[int, Field(ge=0, le=12)]
    background_exponent: Positive
    store_stride: Count
    splits: Annotated[list[Literal["train", "val"]], Field(min_length=1)]
    max_pixels: Count


class Saliency(Section):
    method: Literal["rbd", "mr", "mbd_plus", "mean", "folder"]
    folder: str | None
    acknowledge_patents: bool

    @model_validator(mode="after")
    def _usable(self) -> Saliency:
        if self.method == "folder" and self.folder is None:
            raise ValueError("method: folder needs `folder`, the path of the maps (<id>.png, 8 bit grey)")
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
    store_stride: Count
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
    atrous_rates: list[Count] | None
    init: Literal["backbone", "cam"]


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


class Params(Section):
    seed: Annotated[int, Field(ge=0)]
    dataset: Dataset
    backbone: Backbone
    train_cam: TrainCam
    infer_cam: InferCam
    cam_crf: CamCrf
    affinity_labels: AffinityLabels
    train_affinity: TrainAffinity
    random_walk: RandomWalk
    saliency: Saliency
    fuse: Fuse
    refine_crf: RefineCrf
    train_deeplab: TrainDeeplab
    predict: Predict
    evaluate: Evaluate
    report: Report


def load_params(path: Path) -> Params:
    """The validated content of a params file.

    Raises:
        ParamsError: the file is missing, is no YAML mapping, or breaks the model. Its text has one line
            for each error, each with the key's full path.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root or pass --params") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is no valid YAML: {error}") from None
    return validate(content, source=str(path))


def validate(content: object, *, source: str) -> Params:
    """`content`, a nested mapping, as Params; `source` names it in errors. Raises ParamsError."""
    if not isinstance(content, dict):
        raise ParamsError(f"{source} must hold a mapping of sections, not {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = [f"  {_describe(item)}" for item in error.errors()]
        count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
        raise ParamsError("\n".join([f"{source} has {count}:", *lines])) from None


def _describe(item) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _siblings(item["loc"][:-1]), n=1)
        return f"{location}: unknown key" + (f"; did you mean `{near[0]}`?" if near else "; remove it")
    if item["type"] == "missing":
        return f"{location}: missing; every key must be written (see presets/ or the shipped params.yaml)"
    message = item["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if isinstance(item["input"], dict) else (
        f"{location}: {message} (got {item['input']!r})"
    )


def _siblings(location: tuple) -> list[str]:
    """The legal keys at a place in the model, for the 'did you mean' of an unknown one."""
    model: type[BaseModel] = Params
    for part in location:
        if part not in model.model_fields:
            continue  # pydantic names the member of a union here, not a key
        options = getattr(model.model_fields[part].annotation, "__args__", None)
        candidates = options or (model.model_fields[part].annotation,)
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)
