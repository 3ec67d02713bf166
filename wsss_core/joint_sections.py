"""The sections of params.yaml that belong to the single-stage and joint methods, one for each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from wsss_core.sections import (
    BackgroundExponents,
    Count,
    DualXor,
    Fraction,
    MeanField,
    NonNegative,
    Positive,
    Scales,
    Section,
    Training,
)

SaliencyRule = Literal["half", "twice_mean", "otsu"]


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


class SnapshotTimes(Section):
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
    moments: SnapshotTimes


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


class Round(Section):
    """A round: what it starts from, as paths below the repository's root."""

    before: Annotated[int, Field(ge=0)]
    weights: str
    saliency: str


class TaskWeights(Section):
    tags: NonNegative
    segmentation: NonNegative
    saliency: NonNegative

    @model_validator(mode="after")
    def _something_to_learn(self) -> TaskWeights:
        if not any((self.tags, self.segmentation, self.saliency)):
            raise ValueError("all tasks weigh 0, so that there is nothing to learn; give one a weight")
        return self


class SaliencyUpdate(MeanField):
    anchor_share: Fraction
    centre: SaliencyRule


class AuxSegNet(Training):
    rounds: dict[Annotated[int, Field(ge=1)], Round]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    head_channels: Count
    atrous_rates: tuple[Count, Count, Count] | None
    affinity: Literal["cross", "own", "none"]
    renormalise_rows: bool
    weights: TaskWeights
    first_saliency: SaliencyRule
    renormalise_cams: bool
    labels: DualXor
    update: SaliencyUpdate
    max_pixels: Count

    @property
    def last_round(self) -> int:
        """The number of the last round."""
        return len(self.rounds)

    @field_validator("rounds", mode="before")
    @classmethod
    def _named_as_dvc_wants(cls, rounds: object) -> object:
        bare = [key for key in rounds if not isinstance(key, str)] if isinstance(rounds, dict) else []
        if bare:
            raise ValueError(f'DVC finds rounds by text: write "{bare[0]}": instead of {bare[0]}:')
        return rounds

    @field_validator("rounds")
    @classmethod
    def _one_after_the_other(cls, rounds: dict[int, Round]) -> dict[int, Round]:
        if list(rounds) != list(range(1, len(rounds) + 1)) or not rounds:
            raise ValueError(f"must be numbered 1, 2, ..., not {list(rounds)}")
        if any(each.before != number - 1 for number, each in rounds.items()):
            raise ValueError("each round's `before` is the number of the round before it")
        return rounds


class SaliencySource(Section):
    """Where SSNet learns what is salient."""

    images: str | None
    masks: str | None

    @model_validator(mode="after")
    def _both_or_none(self) -> SaliencySource:
        if (self.images is None) != (self.masks is None):
            raise ValueError("give both folders, images and masks, or null for both")
        if "" in (self.images, self.masks):
            raise ValueError("a folder has no name; give both folders, images and masks, or null for both")
        return self


class SSNetStep(Training):
    atrous_rates: Annotated[list[Count], Field(min_length=1)] | None
    aggregation_grid: Annotated[int, Field(ge=0, le=128)]


class SSNet(Section):
    saliency_set: SaliencySource
    saliency_loss: Literal["bce", "linear_bg", "linear_old"]
    saliency_weight: NonNegative
    first: SSNetStep
    second: SSNetStep
    bootstrap: Fraction

    @property
    def last_round(self) -> int:
        """The second step's."""
        return 2
