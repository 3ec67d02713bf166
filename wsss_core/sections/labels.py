"""Sections of what makes labels of class activation maps, of prediction, and of what measures and shows both."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wsss_core.sections.section import (
    Count,
    NonNegative,
    Positive,
    Scales,
    Section,
    Splits,
    StoreStride,
    setting,
)


class InferCam(Section):
    scales: Scales = setting([0.75, 1.0, 1.25, 1.5])
    flip: bool = True
    sqrt: bool = setting(False, "PSA's square root, for VGG16 only")
    store_stride: StoreStride = setting(4, "pixels a stored cell covers")
    splits: Splits = setting(["train"], "val may be added for diagnosis; it needs val's tags")
    max_pixels: Count = setting(4_000_000, "larger views are shrunk to this")


class MeanField(Section):
    iterations: Annotated[int, Field(ge=0)] = 10
    gaussian_sxy: Positive = setting(3.0, "pixels")
    gaussian_weight: NonNegative = 3.0
    bilateral_sxy: Positive = setting(80.0, "pixels")
    bilateral_srgb: Positive = setting(13.0, "of 255")
    bilateral_weight: NonNegative = 10.0


class Crf(MeanField):
    engine: Literal["lattice", "pydensecrf"] = setting(
        "lattice", "lattice (ours; batched on GPUs) | pydensecrf: equal but for rounding"
    )


class CamCrf(Crf):
    """A dense CRF on the CAM alone: the row to beat."""

    background_exponent: Positive = setting(16.0, "background = (1 - max CAM)^exponent")


class BackgroundExponents(Section):
    background_exponent_low: Positive = setting(4.0, "strong background: foreground that survives is confident")
    background_exponent_high: Positive = setting(24.0, "weak background: background that survives is confident")

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


class RandomWalk(Section):
    radius: Annotated[int, Field(ge=2)] = setting(5, "cells")
    beta: Positive = setting(10.0, "exponent of the affinities; larger = sharper boundaries")
    log2_steps: Annotated[int, Field(ge=0, le=12)] = setting(8, "the walk takes 2^log2_steps steps; 8: the paper's 256")
    background_exponent: Positive = setting(16.0, "background = (1 - max CAM)^exponent walks too")
    store_stride: StoreStride = 4
    splits: Splits = setting(["train"])
    max_pixels: Count = 4_000_000


class RefineCrf(Crf):
    iterations: Annotated[int, Field(ge=0)] = 5
    bilateral_sxy: Positive = 30.0
    bilateral_srgb: Positive = 8.0
    bilateral_weight: NonNegative = 4.0
    label_confidence: Annotated[float, Field(gt=0, lt=1)] = setting(
        0.9, "probability of a decided fused label; soft fusion brings its own"
    )
    keep_ignore: bool = setting(False, "true: leave 255 where fusion left it; false: the CRF fills it")


class Predict(Section):
    scales: Scales = setting([1.0])
    flip: bool = True
    crf: Crf | None = setting(None, "null = none, or a mapping of the seven CRF keys")
    max_pixels: Count = 4_000_000


class Evaluate(Section):
    threshold_step: Annotated[float, Field(gt=0, le=0.5)] = setting(
        0.01, "of the CAM's background threshold sweep"
    )
    tuning_every: Annotated[int, Field(ge=0)] = setting(
        10, "every n-th training image with a mask is one on which parameters may be chosen; 0 = none"
    )


class Report(Section):
    num_images: Count = setting(8, "columns of each strip")
    num_browsed: Count = setting(1000, "most images in the browser, spread evenly over the splits")
