"""params.yaml read and validated as a whole: all errors of the file are reported together, by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import Field, ValidationError, ValidationInfo, create_model, field_validator

from wsss_core import registry
from wsss_core.sections.data import Dataset
from wsss_core.sections.fusion import Fuse
from wsss_core.sections.labels import (
    AffinityLabels,
    CamCrf,
    Evaluate,
    InferCam,
    Predict,
    RandomWalk,
    RefineCrf,
    Report,
)
from wsss_core.sections.saliency import Saliency
from wsss_core.sections.section import Section, Shared, setting
from wsss_core.sections.training import Backbone, Optimizer, TrainAffinity, TrainCam, TrainDeeplab, Training
from wsss_core.yaml_text import NoYAMLError, parsed

FORMAT = 1
"""The format of params.yaml: it grows when a key is renamed or moved, so that a file of before is told as such."""
ANEW = "`wsss preset use NAME` writes the file anew with every key, and keeps its comments"


class _OfPipeline(Section):
    """What is of no method, and the default pipeline's sections."""

    format: Literal[1] = setting(FORMAT, "of this file")
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0  # NumPy's generator takes no more
    dataset: Dataset = Dataset()
    backbone: Backbone = Backbone()
    optimizer: Optimizer = Optimizer()
    train_cam: TrainCam = TrainCam()
    infer_cam: InferCam = InferCam()
    cam_crf: CamCrf = CamCrf()
    affinity_labels: AffinityLabels = AffinityLabels()
    train_affinity: TrainAffinity = TrainAffinity()
    random_walk: RandomWalk = RandomWalk()
    saliency: Saliency = Saliency()
    fuse: Fuse = Fuse()
    refine_crf: RefineCrf = RefineCrf()
    train_deeplab: TrainDeeplab = TrainDeeplab()
    predict: Predict = Predict()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()

    @field_validator("backbone", "optimizer")
    @classmethod
    def _known_to_the_sections_below(cls, shared: Shared, info: ValidationInfo) -> Shared:
        if info.context is not None:
            info.context[type(shared)] = shared
        return shared

    @field_validator("random_walk")
    @classmethod
    def _starts_from_a_cam(cls, random_walk: RandomWalk, info: ValidationInfo) -> RandomWalk:
        infer_cam = info.data.get("infer_cam")  # None where it has errors of its own
        if infer_cam is not None and not set(random_walk.splits) <= set(infer_cam.splits):
            raise ValueError(
                "splits names val, but infer_cam.splits does not, and the walk starts from the CAM;"
                " add val there or take it out here"
            )
        return random_walk


if TYPE_CHECKING:

    class _OfMethods(_OfPipeline):
        def __getattr__(self, name: str) -> Any: ...

else:
    _OfMethods = create_model(
        "_OfMethods", __base__=_OfPipeline, **{name: (own, own()) for name, own in registry.sections().items()}
    )


class Params(_OfMethods):
    """The whole file; what one section asks of another is checked here. Methods' sections follow the pipeline's."""

    def last_round(self, method: str) -> int | None:
        """The number of a method's last round; None for one that trains in one go."""
        return getattr(getattr(self, method, None), "last_round", None)

    def trainings(self) -> dict[str, Training]:
        """All that train a network, by their keys: sections, and parts of one (`ssnet.first`)."""
        parts = {f"{name}.{key}": part for name, own in self if isinstance(own, Section) for key, part in own}
        return {name: own for name, own in (*self, *parts.items()) if isinstance(own, Training)}


Model = TypeVar("Model", bound=Section)


class ParamsError(ValueError):
    """params.yaml is missing, is no YAML, or breaks the model; the text lists every error."""


def load_params(path: Path) -> Params:
    """The validated content of a params file.

    Raises:
        ParamsError: the file is missing, is no YAML mapping, or breaks the model. Its text has one line
            for each error, each with the key's full path.
    """
    return validate(read_mapping(path), source=str(path))


def load_predict(path: Path) -> Predict:
    """The section `predict` of a params file or a preset over the shipped one; other sections may lack.

    Raises:
        ParamsError: as `load_params`, for this section.
    """
    own = read_mapping(path).get("predict") or {}
    if not isinstance(own, dict):
        raise ParamsError(f"{path}: predict must be a mapping, not {type(own).__name__}")
    return _validated(_Predictions, {"predict": {**Predict().model_dump(), **own}}, source=str(path)).predict


class _Predictions(Section):
    """A params file of which but one section counts."""

    predict: Predict


def read_mapping(path: Path) -> dict:
    """What a YAML file holds, which must be a mapping. Raises ParamsError."""
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root or pass --params") from None
    except (NoYAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is no valid YAML ({error}); correct it") from None
    return _mapping(content, source=str(path))


def validate(content: object, *, source: str) -> Params:
    """`content`, a nested mapping, as Params; `source` names it in errors. Raises ParamsError."""
    content = _mapping(content, source=source)
    number = content.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise ParamsError(
            f"{source} is of format {number}, and this version knows {FORMAT}; use a later version, or write it anew by"
            " `wsss preset use NAME`"
        )
    return _validated(Params, content, source=source)


def _mapping(content: object, *, source: str) -> dict:
    if not isinstance(content, dict):
        raise ParamsError(f"{source} must hold a mapping of sections, not {type(content).__name__}")
    return content


def _validated(model: type[Model], content: dict, *, source: str) -> Model:
    """Raises ParamsError with all errors, and every key that is not written, though it has a shipped value."""
    errors = {}
    try:
        valid = model.model_validate(content, context={})
    except ValidationError as error:
        errors = {_place(item["loc"]): _message(item, model) for item in error.errors()}
    errors |= {place: f"missing; {ANEW}" for place in _unwritten(model, content)}
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise ParamsError("\n".join([f"{source} has {count}:", *(f"  {at}: {error}" for at, error in errors.items())]))
    return valid


def _unwritten(model: type[Section], content: Mapping, above: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys that a file must write and does not; of a shared section, where it is part of another, it need none."""
    for name, field in model.model_fields.items():
        place = (*above, name)
        section, value = section_of(field.annotation), content.get(name)
        if name not in content:
            yield _place(place)
        elif section is None or not isinstance(value, dict) or (above and issubclass(section, Shared)):
            continue
        elif get_origin(field.annotation) is dict:
            for key, item in value.items():
                yield from _unwritten(section, item if isinstance(item, dict) else {}, (*place, str(key)))
        else:
            yield from _unwritten(section, value, place)


def section_of(annotation: Any) -> type[Section] | None:
    """The class of a field that is a section, may be one, or holds some by name; None of a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, get_args(annotation))), None)


def _place(location: tuple) -> str:
    return ".".join(str(part) for part in location)


def _message(item: Any, model: type[Section]) -> str:
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _siblings(model, item["loc"][:-1]), n=1)
        return "unknown key" + (f"; did you mean `{near[0]}`?" if near else "; remove it")
    if item["type"] == "missing":
        return "missing; the list is too short"
    message = item["msg"].removeprefix("Value error, ")
    return message if isinstance(item["input"], dict) else f"{message} (got {item['input']!r})"


def _siblings(model: type[Section], location: tuple) -> list[str]:
    """The legal keys at a place in the model, for the 'did you mean' of an unknown one."""
    for part in location:
        if part not in model.model_fields:
            continue  # pydantic names the member of a union here, or a key of a mapping of sections
        nested = section_of(model.model_fields[part].annotation)
        if nested is None:
            return []
        model = nested
    return list(model.model_fields)
