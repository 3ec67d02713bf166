"""params.yaml read and validated as a whole: all errors of the file are reported together, by key."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator
from ruamel.yaml import YAML, YAMLError

from wsss_core import joint_sections, sections


class Params(sections.Section):
    """The whole file; what one section asks of another is checked here."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]  # NumPy's generator takes no more
    dataset: sections.Dataset
    backbone: sections.Backbone
    train_cam: sections.TrainCam
    infer_cam: sections.InferCam
    cam_crf: sections.CamCrf
    affinity_labels: sections.AffinityLabels
    train_affinity: sections.TrainAffinity
    random_walk: sections.RandomWalk
    saliency: sections.Saliency
    fuse: sections.Fuse
    refine_crf: sections.RefineCrf
    train_deeplab: sections.TrainDeeplab
    predict: sections.Predict
    evaluate: sections.Evaluate
    report: sections.Report
    rrm: joint_sections.TwoBranch
    rrm_two_step: sections.Predict
    aalr: joint_sections.Aalr
    ssnet: joint_sections.SSNet
    ssnet_two_step: sections.Predict
    auxsegnet: joint_sections.AuxSegNet

    def last_round(self, method: str) -> int | None:
        """The number of a method's last round; None for one that trains in one go."""
        return getattr(getattr(self, method, None), "last_round", None)

    @field_validator("random_walk")
    @classmethod
    def _starts_from_a_cam(cls, random_walk: sections.RandomWalk, info: ValidationInfo) -> sections.RandomWalk:
        infer_cam = info.data.get("infer_cam")  # None where it has errors of its own
        if infer_cam is not None and not set(random_walk.splits) <= set(infer_cam.splits):
            raise ValueError(
                "splits names val, but infer_cam.splits does not, and the walk starts from the CAM;"
                " add val there or take it out here"
            )
        return random_walk


Model = TypeVar("Model", bound=sections.Section)


class ParamsError(ValueError):
    """params.yaml is missing, is no YAML, or breaks the model; the text lists every error."""


def load_params(path: Path) -> Params:
    """The validated content of a params file.

    Raises:
        ParamsError: the file is missing, is no YAML mapping, or breaks the model. Its text has one line
            for each error, each with the key's full path.
    """
    return validate(_read(path), source=str(path))


def load_predict(path: Path, *, over: sections.Predict) -> sections.Predict:
    """What the section `predict` of a params file or a preset sets, over the values of `over`; other sections may lack.

    Raises:
        ParamsError: as `load_params`, for this section.
    """
    content = _read(path)
    own = content.get("predict") or {}
    if not isinstance(own, dict):
        raise ParamsError(f"{path}: predict must be a mapping, not {type(own).__name__}")
    return _validated(_Predictions, {"predict": {**over.model_dump(), **own}}, source=str(path)).predict


class _Predictions(sections.Section):
    """A params file of which but one section counts."""

    predict: sections.Predict


def _read(path: Path) -> dict:
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root or pass --params") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is no valid YAML: {error}") from None
    return _mapping(content, source=str(path))


def validate(content: object, *, source: str) -> Params:
    """`content`, a nested mapping, as Params; `source` names it in errors. Raises ParamsError."""
    return _validated(Params, _mapping(content, source=source), source=source)


def _mapping(content: object, *, source: str) -> dict:
    if not isinstance(content, dict):
        raise ParamsError(f"{source} must hold a mapping of sections, not {type(content).__name__}")
    return content


def _validated(model: type[Model], content: dict, *, source: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [f"  {_describe(item)}" for item in error.errors()]
        count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
        raise ParamsError("\n".join([f"{source} has {count}:", *lines])) from None


def _describe(item) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _siblings(item["loc"][:-1]), n=1)
        return f"{location}: unknown key" + (f"; did you mean `{near[0]}`?" if near else "; remove it")
    if item["type"] == "missing":
        return f"{location}: missing; every key must be written (see presets/ or the shipped params.yaml)"
    message = item["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if isinstance(item["input"], dict) else (
        f"{location}: {message} (got {item['input']!r})"
    )


def _siblings(location: tuple) -> list[str]:
    """The legal keys at a place in the model, for the 'did you mean' of an unknown one."""
    model: type[BaseModel] = Params
    for part in location:
        if part not in model.model_fields:
            continue  # pydantic names the member of a union here, not a key
        options = getattr(model.model_fields[part].annotation, "__args__", None)
        candidates = options or (model.model_fields[part].annotation,)
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)
