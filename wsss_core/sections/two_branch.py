"""What the sections of RRM and AA&LR share: one network that makes its own labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wsss_core.sections.labels import BackgroundExponents, MeanField
from wsss_core.sections.section import Count, Fraction, NonNegative, Positive, Scales, Section, setting
from wsss_core.sections.training import Training


class ClassificationPhase(Section):
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    lr: Positive = 0.003


class ClassMaps(Section):
    scales: Scales = setting([0.5, 1.0, 1.5, 2.0])
    cam_eval_mode: bool = setting(True, "no dropout in the passes at other scales; false = as released")
    least_presence: Fraction = setting(
        0.0, "a tag of less probability counts as absent from the crop: its object may become background"
    )


class ReliableLabels(MeanField, BackgroundExponents):
    background_exponent_low: Positive = setting(
        6.0, "strong background: foreground that survives is confident. Published: 4"
    )
    background_exponent_high: Positive = setting(
        12.0, "weak background: background that survives is confident. Published: 32"
    )
    keep: Fraction = setting(0.8, "share of each class's confident CAM pixels, the highest first. Published: 0.4")
    cam_threshold: Fraction = setting(0.1, "a CAM above this is confident")
    background_threshold: Fraction = setting(
        0.5, "surely background where the weak background's score is above this. Published: 0.8"
    )
    crf_threshold: Fraction = setting(0.8, "least marginal of the CRF")
    agree: bool = setting(False, "true: the CAM must vote for the label too; false = as released")


class Energy(Section):
    weight: NonNegative = setting(1e-7, "0 = without")
    sigma_xy: Positive = setting(100.0, "pixels")
    sigma_rgb: Positive = setting(15.0, "of 255")
    scale: Annotated[float, Field(gt=0, le=1)] = setting(0.5, "of the grid on which it is computed")
    reference_crop: Count | None = setting(
        321, "weight and sigma_xy hold for this crop and scale with it; null = take them as they are"
    )
    gated: bool = setting(True, "false: sure pixels count fully too")
    grad: Literal["released", "exact"] = setting(
        "released", "released | exact: the derivative with the gate held fixed"
    )


class SnapshotTimes(Section):
    """Labels kept to look at."""

    at: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = setting(
        [0.05, 0.25, 0.5, 1.0], "shares of the run"
    )
    num_images: Count = 24


class TwoBranch(Training):
    """What RRM and AA&LR share."""

    schedule: Literal["cls", "init"] = setting(
        "cls",
        "cls: all losses at once, from the trained CAM network | init: from backbone.weights, in two phases",
    )
    classification_phase: ClassificationPhase = setting(
        ClassificationPhase(), "of init: its share of the run, and its learning rate"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = setting(0.0, "before the classifier, of whole feature channels")
    head_channels: Count = setting(128, "of the segmentation head. Published: 512")
    atrous_rate: Count | None = setting(4, "of both its convolutions; null = the published 12 at stride 8")
    class_maps: ClassMaps = ClassMaps()
    labels: ReliableLabels = ReliableLabels()
    foreground_weight: NonNegative = setting(1.0, "of the objects' cross entropy; the background's has 1")
    energy: Energy = Energy()
    moments: SnapshotTimes = SnapshotTimes()
