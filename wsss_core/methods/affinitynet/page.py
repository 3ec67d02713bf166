"""AffinityNet's page of the report, that of the default pipeline, and its line in the table of all methods."""

from __future__ import annotations

from wsss_core.params import Params
from wsss_core.report.contents import Compared, Contents, of_pipeline

YEAR = 2018


def page(params: Params) -> Contents:
    """All stages of the default pipeline."""
    return of_pipeline()


def compared(params: Params) -> list[Compared]:
    """DeepLab on the pipeline's labels."""
    trainings = ("train_cam", "train_affinity", "deeplab")
    note = "its max F and MAE are of the saliency maps that it was given, on train"
    return [Compared("deeplab", "pseudo_labels", "saliency", trainings, title="AffinityNet + DeepLab", note=note)]
