"""Sections of the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from wsss_core.sections.section import Count, Section, setting


class Scenes(Section):
    """The generated set; used by format scenes only."""

    seed: Annotated[int, Field(ge=0)] = 0
    num_train: Count = 480
    num_val: Count = 120
    num_saliency: Annotated[int, Field(ge=0)] = setting(200, "images of other classes with class-agnostic masks")
    height: Annotated[int, Field(ge=64)] = setting(128, "pixels")
    width: Annotated[int, Field(ge=64)] = 160


class Dataset(Section):
    format: Literal["scenes", "voc", "folder", "coco"] = setting("scenes", "scenes (generated) | voc | folder | coco")
    root: str = setting("data/raw/scenes", "the data set's folder")
    classes: list[str] | None = setting(None, "class names in id order; null = the data set's own")
    train: Annotated[str, Field(min_length=1)] = setting(
        "train", "name of the training split; coco: its JSON, relative to root"
    )
    val: str = setting("val", "name of the validation split; may be empty for format folder")
    labels: str | None = setting(None, "CSV of image tags; null = where the format keeps them")
    images: str | None = setting(None, "folder of the photographs; null = the format's")
    masks: str | None = setting(
        None, "folder of true masks, read by evaluate and report only; null = the format's"
    )
    untagged: Literal["keep", "drop"] = setting(
        "keep", "keep | drop: photographs that show no class, which the literature leaves out of COCO"
    )
    scenes: Scenes = Scenes()

    def source(self) -> dict[str, Any]:
        """The keyword arguments of `data.source.Source`: all that says where its files lie, which need not be there."""
        return {**self.model_dump(exclude={"scenes"}), "root": Path(self.root)}
