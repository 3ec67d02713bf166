"""Sections of corrected labels."""

from __future__ import annotations

from pydantic import field_validator

from wsss_core.sections.section import Section, setting


class Corrected(Section):
    """Labels corrected by hand (docs/labels.md); `wsss labels import` writes these keys."""

    folder: str = setting("data/corrected/mine", "of the import")
    beside: str = setting("data/pseudo_labels/affinitynet", "the labels of all other training images")
    alone: bool = setting(False, "true: no other training images")

    @field_validator("folder", "beside")
    @classmethod
    def _below_data(cls, path: str) -> str:
        parts = path.split("/")
        if parts[0] != "data" or len(parts) < 2 or not all(part.strip(".") for part in parts):
            raise ValueError("must be the path of a folder below data, such as data/corrected/mine")
        return path


PLACE = 5
SECTIONS = {"corrected": Corrected}
