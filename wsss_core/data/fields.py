"""Types of the values in files that others wrote, for pydantic: what is meant counts, not how JSON writes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def _meant(value: Any) -> Any:
    """The int that a whole float or a number as text means. True is none, though Python takes it for one."""
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value


def _writable(text: str) -> str:
    text.encode()  # half a surrogate pair, which JSON can hold and no file can
    return text


Text = Annotated[str, Field(min_length=1, strict=True), AfterValidator(_writable)]
Whole = Annotated[int, Field(strict=True), BeforeValidator(_meant)]
Side = Annotated[Whole, Field(ge=1)]
"""Height or width in pixels."""
Key = Annotated[int | Text, BeforeValidator(_meant)]
"""An id: COCO's are numbers, some tools write texts."""
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_meant)]
