"""The sections of params.yaml that belong to the single-stage and joint methods, one for each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wsss_core.sections import (
    BackgroundExponents,
    Count,
    Fraction,
    MeanField,
    NonNegative,
    Positive,
    Scales,
    Section,
    Training,
)


class ClassificationPhase(Section):
    share: Annotated[float, Field(gt=0, lt=1)]
    lr: Positive


class ClassMaps(Section):
    scales: Scales
    cam_eval_mode: bool
    least_presence: Fraction


class ReliableLabels(MeanField, BackgroundExponents):
    keep: Fraction
    cam_threshold: Fraction
    background_threshold: Fraction
    crf_threshold: Fraction
    agree: bool


class Energy(Section):
    weight: NonNegative
    sigma_xy: Positive
    sigma_rgb: Positive
    scale: Annotated[float, Field(gt=0, le=1)]
    reference_crop: Count | None
    gated: bool
    grad: Literal["released", "exact"]


class Moments(Section):
    at: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
    num_images: Count


class TwoBranch(Training):
    """What RRM and AA&LR share: one network that makes its own labels."""

    schedule: Literal["cls", "init"]
    classification_phase: ClassificationPhase
    dropout: Annotated[float, Field(ge=0, lt=1)]
    head_channels: Count
    atrous_rate: Count | None
    class_maps: ClassMaps
    labels: ReliableLabels
    foreground_weight: NonNegative
    energy: Energy
    moments: Moments


class PamrLabels(Section):
    background_exponent: Positive
    stride: Count
    dilations: Annotated[list[Count], Field(min_length=1)]
    iterations: Annotated[int, Field(ge=0)]
    background_ratio: Fraction
    foreground_ratio: Fraction
    floor: Fraction


class Ramp(Section):
    start: Fraction
    length: Fraction


class AdaptiveAffinity(Section):
    weight: NonNegative
    ramp: Ramp
    grid: Literal["logits", "image"]
    radius: Count
    margin: NonNegative
    attract_weight: NonNegative
    repel_weight: NonNegative
    split_negative: bool


class LabelReassign(Section):
    weight: NonNegative
    ramp: Ramp
    variant: Literal["hard", "soft", "embed", "corrected_only"]
    temperature: Positive
    threshold: Fraction
    least_points: Count
    bank_momentum: Annotated[float, Field(gt=0, lt=1)] | None


class Aalr(TwoBranch):
    label_source: Literal["crf", "pamr"]
    pamr: PamrLabels
    adaptive_affinity: AdaptiveAffinity
    label_reassign: LabelReassign
