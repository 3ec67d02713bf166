"""Sections of RRM."""

from __future__ import annotations

from wsss_core.sections.labels import Crf, Predict
from wsss_core.sections.two_branch import TwoBranch


class Rrm(TwoBranch):
    """One network, reliable pixels and dense energy (docs/rrm.md)."""


class RrmTwoStep(Predict):
    """Labels for a DeepLab: the predictions of RRM on the training images, among their tags."""

    flip: bool = False
    crf: Crf | None = Crf(bilateral_sxy=83, bilateral_srgb=5, bilateral_weight=4)


PLACE = 1
SECTIONS = {"rrm": Rrm, "rrm_two_step": RrmTwoStep}
