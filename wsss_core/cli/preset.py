"""`wsss preset`: parameters of other data sets and machines, and params.yaml written anew with them."""

from __future__ import annotations

from pathlib import Path

import click

from wsss_core import layout, presets
from wsss_core.cli.outputs import refuse_input
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import ParamsError
from wsss_core.yaml_text import NoYAMLError, parsed


@click.group()
def preset() -> None:
    """List, show or use the parameters of another data set or machine."""


@preset.command("list")
@telling_errors
def list_presets() -> None:
    """Name every preset with its first line."""
    for name in presets.names():
        first = presets.text_of(name).partition("\n")[0].lstrip("# ")
        click.echo(f"{name:<18} {first}")


@preset.command("show")
@click.argument("name")
@telling_errors
def show_preset(name: str) -> None:
    """Print a preset: only the keys that it sets."""
    click.echo(presets.text_of(name), nl=False)


@preset.command("use")
@click.argument("name")
@click.option("--params", "target", type=PATH, default=layout.PARAMS, show_default=True, help="The file to change.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Set a further key, e.g. dataset.root=PATH. Text that YAML would take for a number wants quotes"
                   """ of its own: 'dataset.root="2012"'.""")
@telling_errors
def use_preset(name: str, target: Path, settings: tuple[str, ...]) -> None:
    """Write params.yaml anew: a preset's keys, all others as they are shipped.

    So one preset leaves nothing of another; `scenes` is the shipped parameters alone. Give values of your own with
    --set, all that you want to keep: each that changes is told. Comments of your own stay. A file of an earlier
    version is brought up to date.
    """
    refuse_input(target, list(presets.files().values()), remedy="give the file to change to --params")
    keys = presets.read_preset(name)
    for setting in settings:
        set_key(keys, setting)
    changes = presets.use(keys, target, source=f"preset {name}")
    for change in changes or ["nothing changed"]:
        click.echo(change)


def set_key(keys: dict, setting: str) -> None:
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
        value = parsed(text)
    except NoYAMLError:
        return text
    is_quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    is_plain = isinstance(value, str) and not is_quoted
    return text if is_plain or (isinstance(value, dict) and not text.startswith("{")) else value
