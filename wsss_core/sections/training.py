"""Sections of trainings, and what all of them share: backbone, optimiser, augmentation."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from wsss_core.sections.section import Count, Fraction, NonNegative, Positive, Section, Shared, setting

Range = tuple[Positive, Positive]


class Backbone(Shared):
    """Of every network; a section's own `backbone` lists but what it sets differently."""

    name: str = setting("test_resnet", "a timm name, or resnet38d")
    output_stride: Count = setting(8, "8 | 16 | 32")
    weights: str = setting(
        "none", "imagenet | none | path of a .pth, .safetensors or (resnet38d) MXNet .params file"
    )
    dilate: bool = setting(True, "dilate what lost its stride; false = IRN's recipe")
    batch_norm: Literal["frozen", "trained"] = setting("trained", "trained | frozen: running statistics, no gradient")
    freeze_stem: bool | list[str] = setting(
        False, "true: the first layers do not train (conv1a and b2 of resnet38d); or their names: [conv1a]"
    )

    @field_validator("freeze_stem", mode="before")
    @classmethod
    def _stem_or_layers(cls, value: Any) -> Any:
        named = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
        if value not in (True, False) and not named:
            raise ValueError("must be true, false, or names of layers such as [conv1, layer1]")
        return value


class Optimizer(Shared):
    """Of every training; a section's own `optimizer` lists but what it sets differently."""

    name: Literal["sgd", "adamw"] = setting("adamw", "adamw | sgd")
    lr: Positive = 0.002
    momentum: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.0, "sgd's; published recipes trained with none by accident (docs/affinitynet.md)"
    )
    weight_decay: NonNegative = 0.01
    new_lr_factor: Positive = setting(1.0, "times lr for layers without pretrained weights")
    bias_lr_factor: Positive = setting(1.0, "times lr for biases and norms")
    poly_power: NonNegative = setting(0.9, "lr (1 - k/K)^power")
    warmup: Fraction = setting(0.05, "share of the steps")
    accumulate: Count = setting(1, "a batch goes through the network in so many parts: less memory, more time")
    activation_checkpointing: bool = setting(
        False, "true: the backbone's blocks are computed again, not kept: less memory, more time"
    )


class Augment(Section):
    long_side: Range | None = setting(None, "[smallest, largest] long side, pixels; null = use scale")
    scale: Range = setting((0.8, 1.3), "[smallest, largest] factor")
    crop: Annotated[int, Field(ge=32)] = setting(128, "pixels")
    flip: bool = True
    color_jitter: tuple[NonNegative, NonNegative, NonNegative, Annotated[float, Field(ge=0, le=0.5)]] = setting(
        (0.2, 0.0, 0.0, 0.0), "brightness, contrast, saturation, hue"
    )
    pad: Literal["mean", "black"] = setting("mean", "mean | black: the colour around images smaller than the crop")

    @model_validator(mode="after")
    def _ordered(self) -> Augment:
        for name in ("long_side", "scale"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{name} is [smallest, largest], not {list(bounds)}")
        return self


class Training(Section):
    backbone: Backbone = Backbone()
    batch: Count = 8
    epochs: Positive = 12.0
    optimizer: Optimizer = Optimizer()
    augment: Augment = Augment()


class TrainCam(Training):
    batch: Count = 16
    epochs: Positive = 16.0
    optimizer: Optimizer = Optimizer(lr=0.003, weight_decay=0.05)
    dropout: Annotated[float, Field(ge=0, lt=1)] = setting(0.0, "of whole feature channels")


class TrainAffinity(Training):
    epochs: Positive = 4.0
    optimizer: Optimizer = Optimizer(lr=0.001, weight_decay=0.001, warmup=0.0)
    augment: Augment = setting(
        Augment(scale=(1.0, 1.0), crop=96, pad="black"), "the paper scales every training but this one"
    )
    radius: Annotated[int, Field(ge=2)] = setting(5, "pairs closer than this, in cells")
    taps: tuple[int, int, int] = setting(
        (0, -2, -1), "three of the backbone's taps; the finest gives the grid. Published: [-3, -2, -1]"
    )
    widths: tuple[Count, Count, Count] = setting(
        (16, 32, 48), "channels they are reduced to. Published: [64, 128, 256]"
    )
    freeze_backbone: bool = False
    init: Literal["backbone", "cam"] = setting(
        "cam", "cam: start from the trained CAM network's backbone | backbone: from backbone.weights"
    )

    @field_validator("taps")
    @classmethod
    def _ascending(cls, taps: tuple[int, int, int]) -> tuple[int, int, int]:
        # a tap from the start (0, 1) and one from the end (-2, -1) compare only once the backbone is known
        if any((a < 0) == (b < 0) and a >= b for a, b in combinations(taps, 2)):
            raise ValueError("must be three different taps, ascending; negative ones count from the last, -1")
        return taps


class TrainDeeplab(Training):
    optimizer: Optimizer = Optimizer(lr=0.003)
    augment: Augment = Augment(scale=(0.75, 1.5))
    head: Literal["largefov", "aspp_v2", "deeplabv3"] = setting("deeplabv3", "largefov | aspp_v2 | deeplabv3")
    atrous_rates: Annotated[list[Count], Field(min_length=1)] | None = setting(
        [2, 5, 8], "null = the head's published ones"
    )
    init: Literal["backbone", "cam"] = setting("cam", "as in train_affinity")

    @field_validator("atrous_rates")
    @classmethod
    def _as_many_as_the_head_takes(cls, rates: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if info.data.get("head") == "largefov" and rates is not None and len(rates) != 1:
            raise ValueError("head largefov has one atrous rate; give a list of one, or null for the paper's")
        return rates
