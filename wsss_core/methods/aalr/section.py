"""The section of AA&LR."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wsss_core.sections.section import Count, Fraction, NonNegative, Positive, Section, setting
from wsss_core.sections.two_branch import Energy, TwoBranch


class PamrLabels(Section):
    background_exponent: Positive = 4.0
    stride: Count = setting(4, "pixels of a cell of the grid it works on")
    dilations: Annotated[list[Count], Field(min_length=1)] = setting(
        [1, 2, 4, 8, 12, 24], "of its rings of eight neighbours, cells"
    )
    iterations: Annotated[int, Field(ge=0)] = 10
    background_ratio: Fraction = setting(0.7, "of an image's largest score, above which a pixel is background")
    foreground_ratio: Fraction = setting(0.6, "of a class's largest score, above which a pixel is that class")
    floor: Fraction = setting(0.2, "least such threshold")


class Ramp(Section):
    """Shares of the joint phase."""

    start: Fraction = 0.0
    length: Fraction = 0.1


class AdaptiveAffinity(Section):
    weight: NonNegative = setting(0.1, "0 = without")
    ramp: Ramp = Ramp()
    grid: Literal["logits", "image"] = setting("logits", "logits: the network's cells | image: pixels")
    radius: Count = setting(
        2, "of the eight neighbours, cells of that grid. Published: 4, on 41 cells where a crop of 128 has 16"
    )
    margin: NonNegative = setting(3.0, "divergence that sure pairs of different labels should have")
    attract_weight: NonNegative = 1.0
    repel_weight: NonNegative = 2.0
    split_negative: bool = setting(False, "true: object-background and object-object pairs averaged apart")


class LabelReassign(Section):
    weight: NonNegative = setting(0.5, "0 = without")
    ramp: Ramp = Ramp(start=0.25)
    variant: Literal["hard", "soft", "embed", "corrected_only"] = setting(
        "hard", "hard | soft | embed | corrected_only (docs/aalr.md)"
    )
    temperature: Positive = setting(0.1, "of the similarities to the class centres")
    threshold: Fraction = setting(0.6, "least probability of a reassigned label")
    least_points: Count = setting(8, "of a class's labelled cells in an image, for it to have a centre")
    bank_momentum: Annotated[float, Field(gt=0, lt=1)] | None = setting(
        None, "null: centres of each image | of the running centres that object classes then share"
    )


class Aalr(TwoBranch):
    """RRM's network and labels, adaptive affinity and label reassign losses (docs/aalr.md)."""

    foreground_weight: NonNegative = setting(
        0.3, "of the objects' cross entropies: they cover a third of what they do in VOC. Published: 1"
    )
    energy: Energy = Energy(weight=0.0)
    label_source: Literal["crf", "pamr"] = setting(
        "crf", "crf: RRM's reliable labels, of `labels` | pamr: refined class maps and thresholds"
    )
    pamr: PamrLabels = PamrLabels()
    adaptive_affinity: AdaptiveAffinity = AdaptiveAffinity()
    label_reassign: LabelReassign = LabelReassign()


PLACE = 2
SECTIONS = {"aalr": Aalr}
