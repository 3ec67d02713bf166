"""Presets: parameters of other data sets and machines, each the keys in which it differs from the shipped ones."""

from __future__ import annotations

import difflib
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from wsss_core import artifacts
from wsss_core.params import Params, ParamsError, read_mapping, validate
from wsss_core.params_file import content_of, written
from wsss_core.yaml_text import parsed

FOLDER = Path("presets")
INSTALLED = Path(sysconfig.get_path("data"), "share/wsss/presets")
"""Where they lie when the package is used without the repository."""
SHIPPED = "scenes"
"""The preset that sets nothing: the values that stand in the classes of the sections."""
_SHIPPED_TEXT = "# The shipped parameters: generated scenes and a small network trained from scratch\n"
LIKE = "like"
"""The key of a preset that names another one, whose keys hold where it sets no other value."""


def files() -> dict[str, Path]:
    """Name -> file of each preset that has one."""
    folder = FOLDER if FOLDER.is_dir() else INSTALLED
    if not folder.is_dir():
        raise ParamsError(f"there is no folder {FOLDER} here; run from the repository's root")
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def names() -> list[str]:
    """The names of all presets."""
    return sorted({SHIPPED, *files()})


def text_of(name: str) -> str:
    """A preset as it is written. Raises ParamsError with the nearest or all names where there is none."""
    if name == SHIPPED:
        return _SHIPPED_TEXT
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise ParamsError(f"no preset {name!r}; {remedy}")
    return files()[name].read_text(encoding="utf-8")


def read_preset(name: str) -> dict:
    """The nested keys that a preset sets, over those of the one that it is like; none where it holds but comments.

    Raises:
        ParamsError: there is no such preset, or it is like itself.
    """
    keys, chain = _own_keys(name), [name]
    while LIKE in keys:
        chain.append(keys.pop(LIKE))
        if chain[-1] in chain[:-1]:
            raise ParamsError(f"presets are like each other without an end: {' -> '.join(chain)}; take one `like` out")
        keys = over(_own_keys(chain[-1]), keys)
    return keys


def _own_keys(name: str) -> dict:
    try:
        keys = parsed(text_of(name)) or {}
    except ParamsError:
        raise
    except ValueError as error:  # NoYAMLError, UnicodeDecodeError
        raise ParamsError(f"the preset {name} is no valid YAML ({error}); correct its file in {FOLDER}") from None
    if not isinstance(keys, dict):
        raise ParamsError(f"the preset {name} must hold a mapping of sections, not {type(keys).__name__}")
    return keys


def over(below: dict, keys: dict) -> dict:
    """Nested `keys` over those of `below`; the keys of rounds, which YAML reads as numbers, become text."""
    merged = dict(below)
    for given, value in keys.items():
        key = str(given)
        both = isinstance(below.get(key), dict) and isinstance(value, dict)
        merged[key] = over(below[key], value) if both else value
    return merged


def shipped() -> dict:
    """The content of params.yaml as it is shipped."""
    return content_of(Params())


def params_with(keys: dict, *, source: str) -> Params:
    """Nested `keys` over the shipped parameters; `source` names them in errors. Raises ParamsError."""
    return validate(over(shipped(), keys), source=source)


def use(keys: dict, target: Path, *, source: str) -> list[str]:
    """Write the params file `target` anew, atomically: nested `keys` over the shipped parameters, its comments kept.

    Returns:
        A line for each value that is another than before.

    Raises:
        ParamsError: the keys break the model, or the target is no params file; it is left as it was.
    """
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    old = _old_content(target) if before else {}
    params = params_with(keys, source=f"{target} with {source}")
    text = written(params, before)
    if text != before:
        artifacts.write_text(target, text)
    whole = params.model_dump(mode="json")
    return list(_changes(old, content_of(params), whole, "")) if old else [f"{target}: written"]


def _old_content(target: Path) -> dict:
    content = read_mapping(target)
    known = content.keys() & Params.model_fields.keys()
    if 2 * len(known) <= len(content):
        raise ParamsError(f"{target} is no params file, and would be replaced; give the file to change to --params")
    return content


def _changes(old: dict, new: dict, whole: dict, above: str) -> Iterator[str]:
    """What became of each key: of the file before, of that of now, and of the parameters that it means."""
    for key, value in whole.items():
        place, before = f"{above}{key}", old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            yield from _changes(before, new.get(key, {}), value, f"{place}.")
        elif key not in old and key in new:
            yield f"{place}: {_short(new[key])}, which was not written"
        elif key in old and before != value and (before is not None or key in new):  # null was once "as shared"
            yield f"{place}: {_short(before)} -> {_short(value)}"
    for key in old.keys() - whole.keys():
        yield f"{above}{key}: {_short(old[key])} -> removed, since there is no such key"


def _short(value: object) -> str:
    return "null" if value is None else str(value)
