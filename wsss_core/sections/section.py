"""What sections of params.yaml are made of: the class of them all, settings, and types of values that several have."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
StoreStride = Literal[1, 2, 4, 8, 16, 32]
"""Powers of two, so that a stored grid tells its stride."""
Scales = Annotated[list[Positive], Field(min_length=1)]
Split = Literal["train", "val"]
ConflictPolicy = Literal["largest", "smallest_area", "product", "ignore", "margin"]


def _with_train(splits: list[Split]) -> list[Split]:
    if "train" not in splits:
        raise ValueError("must hold train, of which all later stages make labels")
    return splits


Splits = Annotated[list[Split], AfterValidator(_with_train)]


def setting(shipped: Any, comment: str | None = None) -> Any:
    """A key of params.yaml: its shipped value and the comment that the file has beside it."""
    return Field(shipped, description=comment)


class Section(BaseModel):
    """A mapping of params.yaml; the first line of a section's docstring is the comment that the file has beside it.

    A field's default is the value that the file is shipped with, and the file is written from these classes
    (`wsss_core.params_file`). What is read must all the same write every key (`wsss_core.params`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class Shared(Section):
    """A section that is also part of others, where it lists but what it sets differently.

    Whoever reads it there has it whole: the keys that are not listed, or null, have the value of the shared section.
    `model_fields_set` holds those that are listed.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _over_the_shared(cls, own: Any, handler: ModelWrapValidatorHandler, info: ValidationInfo) -> Any:
        shared = (info.context or {}).get(cls)  # none yet for the shared section itself
        if shared is None or not isinstance(own, dict):
            return handler(own)
        listed = {key: value for key, value in own.items() if value is not None}
        whole = handler({**shared.model_dump(), **listed})
        return cls.model_construct(_fields_set=set(listed), **dict(whole))
