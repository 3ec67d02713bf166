"""`wsss preset`: parameters of other data sets and machines, merged over params.yaml."""

from __future__ import annotations

import difflib
import io
from pathlib import Path

import click
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import PlainScalarString

from wsss_core import artifacts, layout
from wsss_core.cli.outputs import refuse_input
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import ParamsError, validate

PRESETS = Path("presets")
LIKE = "like"
"""The key of a preset that names another one, whose keys hold where it sets no other value."""
COMMENT_COLUMN = 29
"""Where params.yaml puts the comments of its lines, from 0."""


@click.group()
def preset() -> None:
    """List, show or use the parameters of another data set or machine."""


@preset.command("list")
@telling_errors
def list_presets() -> None:
    """Name every preset with its first line."""
    for path in _files():
        first = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        click.echo(f"{path.stem:<18} {first}")


@preset.command("show")
@click.argument("name")
@telling_errors
def show_preset(name: str) -> None:
    """Print a preset: only the keys that it sets."""
    click.echo(find_preset(name).read_text(encoding="utf-8"), nl=False)


@preset.command("use")
@click.argument("name")
@click.option("--params", "target", type=PATH, default=layout.PARAMS, show_default=True, help="The file to change.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Set a further key, e.g. dataset.root=PATH. Text that YAML would take for a number wants quotes"
                   """ of its own: 'dataset.root="2012"'.""")
@telling_errors
def use_preset(name: str, target: Path, settings: tuple[str, ...]) -> None:
    """Set a preset's keys in params.yaml; its comments and all other values stay.

    Presets used one after the other therefore mix. To start from a clean slate, run `wsss preset use scenes` first:
    it sets every key back to its shipped value.
    """
    refuse_input(target, _files(), remedy="give the file to change to --params")
    keys = read_preset(name)
    for setting in settings:
        _set(keys, setting)
    changes = merge(target, keys, source=f"preset {name}")
    for change in changes or ["nothing changed"]:
        click.echo(change)


def _set(keys: dict, setting: str) -> None:
    """Put `a.b=value` into the nested mapping."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise ParamsError(f"--set wants KEY=VALUE, not {setting!r}")
    *sections, last = key.split(".")
    for section in sections:
        keys = keys.setdefault(section, {})
        if not isinstance(keys, dict):
            raise ParamsError(f"--set {setting}: {section} is a value, not a section")
    keys[last] = _value(value.strip())


def _value(text: str) -> object:
    """What YAML reads, but text as it stands: a path may hold ` #` and `: `, a comment and a mapping to YAML."""
    try:
        value = YAML(typ="safe").load(text)
    except (YAMLError, ValueError):  # ValueError: 2012-13-45 is no date
        return text
    is_quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    is_plain = isinstance(value, str) and not is_quoted
    return text if is_plain or (isinstance(value, dict) and not text.startswith("{")) else value


def merge(target: Path, keys: dict, *, source: str) -> list[str]:
    """Merge nested `keys` over the YAML file `target`, in place and atomically; returns a line for each change.

    Raises:
        ParamsError: the merged parameters would break the model; the target is left as it was.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # never break a line that was not broken
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null"))
    with artifacts.reading(target):
        params = yaml.load(target.read_text(encoding="utf-8"))
    _lists_on_one_line(params)
    changes = _merge(params, keys, "")
    text = io.StringIO()
    yaml.dump(params, text)
    validate(YAML(typ="safe").load(text.getvalue()), source=f"{target} with {source}")
    if changes:
        artifacts.write_text(target, text.getvalue())
    return changes


def _merge(target, source, prefix: str) -> list[str]:
    changes = []
    for given, value in source.items():
        key = str(given)  # of rounds, which YAML reads as numbers
        old = target.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            told = _merge(old, value, f"{prefix}{key}.")
        elif key in target and old == value:
            told = []
        else:
            told = [f"{prefix}{key}: {_short(old)} -> {_short(value)}"]
            target[key] = _on_one_line(value)
        if told:
            _align_comment(target, key)
        changes += told
    return changes


def _lists_on_one_line(params: CommentedMap) -> None:
    """Back to how params.yaml is shipped: `dvc exp run -S` writes every list with a line for each item."""
    for key, value in params.items():
        if isinstance(value, CommentedMap):
            _lists_on_one_line(value)
        elif isinstance(value, CommentedSeq) and not value.fa.flow_style():
            _, _, comment, _ = params.ca.items.pop(key, (None,) * 4)
            params[key] = _on_one_line(list(value))
            if comment:
                params.ca.items[key] = [None, None, comment, None]


def _on_one_line(value: object) -> object:
    """Lists and new mappings as params.yaml writes them: [1, 2], {a: 1}; text without the quotes of the old one."""
    if isinstance(value, str):
        return PlainScalarString(value)
    if not isinstance(value, (list, dict)):
        return value
    styled = CommentedSeq(value) if isinstance(value, list) else CommentedMap(value)
    styled.fa.set_flow_style()
    return styled


def _align_comment(target: CommentedMap, key: str) -> None:
    """Move a comment back that a longer value had pushed to the right; what is in its way still pushes it."""
    _, _, comment, _ = target.ca.items.get(key, (None,) * 4)
    if comment:
        comment.start_mark.column = COMMENT_COLUMN


def _short(value: object) -> str:
    return "null" if value is None else str(value)


def _files() -> list[Path]:
    if not PRESETS.is_dir():
        raise ParamsError(f"there is no folder {PRESETS} here; run from the repository's root")
    return sorted(PRESETS.glob("*.yaml"))


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
        keys = _over(_own_keys(chain[-1]), keys)
    return keys


def _own_keys(name: str) -> dict:
    return YAML(typ="safe").load(find_preset(name).read_text(encoding="utf-8")) or {}


def _over(below: dict, keys: dict) -> dict:
    """Nested `keys` over those of `below`."""
    merged = {**below, **keys}
    for key in below.keys() & keys.keys():
        if isinstance(below[key], dict) and isinstance(keys[key], dict):
            merged[key] = _over(below[key], keys[key])
    return merged


def find_preset(name: str) -> Path:
    """The file of a preset. Raises ParamsError with the nearest or all names where there is none."""
    known = {path.stem: path for path in _files()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise ParamsError(f"no preset {name!r}; {remedy}")
    return known[name]
