"""Sections of SSNet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wsss_core.sections.labels import Crf, Predict
from wsss_core.sections.saliency import SaliencySource
from wsss_core.sections.section import Count, Fraction, NonNegative, Section, setting
from wsss_core.sections.training import Training


class SSNetStep(Training):
    batch: Count = setting(8, "of either set")
    atrous_rates: Annotated[list[Count], Field(min_length=1)] | None = setting(
        [2, 4, 6, 8], "of the second step, since the first has none; null = the published 6, 12, 18, 24 at stride 8"
    )
    aggregation_grid: Annotated[int, Field(ge=0, le=128)] = setting(
        1, "cells a side on which the salience of each class is weighed; 0 = all count fully. Published: 16, 32"
    )


class SSNet(Section):
    """Class masks and a saliency map made of them, learnt together in two steps (docs/ssnet.md)."""

    saliency_set: SaliencySource = SaliencySource()
    saliency_loss: Literal["bce", "linear_bg", "linear_old"] = setting("bce", "bce | linear_bg | linear_old")
    saliency_weight: NonNegative = 1.0
    first: SSNetStep = setting(SSNetStep(epochs=16, atrous_rates=None), "on tags")
    second: SSNetStep = setting(SSNetStep(), "on the labels that the first one made")
    bootstrap: Fraction = setting(
        0.1, "share of the second step's labels that gives way to what the network itself thinks"
    )

    @property
    def last_round(self) -> int:
        """The second step's."""
        return 2


class SSNetTwoStep(Predict):
    """Labels for the second step: the first one's predictions on the training images, among their tags."""

    flip: bool = False
    crf: Crf | None = Crf(iterations=5)


PLACE = 3
SECTIONS = {"ssnet": SSNet, "ssnet_two_step": SSNetTwoStep}
