"""Sections of AuxSegNet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from wsss_core.sections.fusion import DualXor
from wsss_core.sections.labels import MeanField
from wsss_core.sections.section import Count, Fraction, NonNegative, Positive, Section, setting
from wsss_core.sections.training import Training

SaliencyRule = Literal["half", "twice_mean", "otsu"]


class Round(Section):
    """A round: what it starts from, as paths below the repository's root."""

    before: Annotated[int, Field(ge=0)]
    weights: str
    saliency: str


ROUNDS = {"1": Round(before=0, weights="models/cam", saliency="data/saliency")} | {
    str(number): Round(
        before=number - 1,
        weights=f"models/auxsegnet/round_{number - 1}",
        saliency=f"data/predicted_saliency/auxsegnet/round_{number - 1}",
    )
    for number in (2, 3, 4)
}
"""The rounds that params.yaml is shipped with: as many as were published."""


class TaskWeights(Section):
    """0 leaves a task out."""

    tags: NonNegative = 1.0
    segmentation: NonNegative = 1.0
    saliency: NonNegative = 1.0

    @model_validator(mode="after")
    def _something_to_learn(self) -> TaskWeights:
        if not any((self.tags, self.segmentation, self.saliency)):
            raise ValueError("all tasks weigh 0, so that there is nothing to learn; give one a weight")
        return self


class SaliencyUpdate(MeanField):
    """Of the saliency maps. Published: 0.5, half, and a CRF of 1 and 60, 5, 5."""

    iterations: Annotated[int, Field(ge=0)] = 5
    bilateral_sxy: Positive = 30.0
    bilateral_srgb: Positive = 8.0
    bilateral_weight: NonNegative = 4.0
    anchor_share: Fraction = 0.25
    centre: SaliencyRule = "otsu"


class AuxSegNet(Training):
    """Tags, saliency and segmentation, coupled by an affinity, in rounds (docs/auxsegnet.md)."""

    epochs: Positive = setting(6.0, "of each round")
    rounds: dict[Annotated[int, Field(ge=1)], Round] = setting(
        ROUNDS, "each learns the labels of the one before, and goes on from its weights"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    head_channels: Count = setting(128, "of both dense heads")
    atrous_rates: tuple[Count, Count, Count] | None = setting((2, 4, 6), "null = the published 6, 12, 18 at stride 8")
    affinity: Literal["cross", "own", "none"] = setting("cross", "cross | own: each task's own | none")
    renormalise_rows: bool = setting(False, "true: rows of the shared affinity sum to 1 again; false = as released")
    weights: TaskWeights = TaskWeights()
    first_saliency: SaliencyRule = setting(
        "otsu",
        "half | twice_mean | otsu: what is salient in the maps of round 1; later ones are cut at half",
    )
    renormalise_cams: bool = setting(False, "true: divide refined CAMs by their maxima again; false = as released")
    labels: DualXor = setting(DualXor(), "of all rounds' labels; rule dual_xor")
    update: SaliencyUpdate = SaliencyUpdate()
    max_pixels: Count = setting(
        1_000_000, "larger photographs are shrunk: an affinity has (pixels / stride^2)^2 entries"
    )

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


PLACE = 4
SECTIONS = {"auxsegnet": AuxSegNet}
