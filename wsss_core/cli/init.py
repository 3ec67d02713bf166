"""`wsss init`: somebody's own folder becomes the data set of this project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from wsss_core import layout, presets
from wsss_core.cli.preset import set_key
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.intake import machine, recognition, table, telling
from wsss_core.intake.proposal import Proposal, propose
from wsss_core.intake.records import Options
from wsss_core.intake.splits import HELD_OUT
from wsss_core.intake.survey import look_at
from wsss_core.params import ParamsError, read_mapping

AS_IT_IS = "none"
"""In the place of a preset: all but the data set stays as params.yaml has it."""


@click.command()
@click.argument("folder", type=PATH)
@click.option("--format", "format_name", type=click.Choice(recognition.names()), help="Take this layout.")
@click.option("--labels", "document", type=PATH, help="The file that holds the tags, where several might.")
@click.option("--column", help="The column or field that holds the tags, where several might.")
@click.option("--separator", help="Of the tags in a cell: a sign, `space`, or `none`.")
@click.option("--unknown", type=click.Choice(["refuse", "absent"]), default="refuse", show_default=True,
              help="What empty cells and -1 of a one-hot table mean.")
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW",
              help="Another name for a class: merges two; with nothing behind the =, leaves it out.")
@click.option("--held-out", type=click.FloatRange(0, 0.9), default=HELD_OUT, show_default=True,
              help="Share for validation where the folder names no split.")
@click.option("--preset", "preset_name", help="Instead of the one that fits this machine; `none` keeps the parameters.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a further key of params.yaml.")
@click.option("--table", "target", type=PATH, default=Path("labels.csv"), show_default=True,
              help="Where the table of tags is written, if one is.")
@click.option("--replace", is_flag=True, help="Replace a table there that says something else.")
@click.option("--dry-run", is_flag=True, help="Tell, and write nothing.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def init(
    folder: Path, format_name: str | None, document: Path | None, column: str | None, separator: str | None,
    unknown: str, renames: tuple[str, ...], held_out: float, preset_name: str | None, settings: tuple[str, ...],
    target: Path, replace: bool, dry_run: bool, params_file: Path,
) -> None:  # fmt: skip
    """Make FOLDER the data set of this project.

    Says what FOLDER is and what in it is used, writes a table of tags and splits where the project does not read the
    folder as it lies, and params.yaml with the preset that fits this machine. FOLDER itself is left as it is. Where it
    may be read in several ways, nothing is written and the choices are shown.
    """
    survey = look_at(folder)
    options = Options(column, separator, unknown_is_absent=unknown == "absent")
    recognised = recognition.recognise(survey, options, layout=format_name, document=document)
    proposal = propose(survey, recognised, names=_renames(renames), target=target,
                       before=_table_of(survey.folder, params_file), held_out=held_out)  # fmt: skip
    click.echo(telling.text_of(survey, recognised, proposal))
    keys = _keys(proposal, preset_name, params_file)
    for setting in settings:
        set_key(keys, setting)
    if settings:
        click.echo(f"  Over all of these, as you say: {', '.join(settings)}.")
    presets.params_with(keys, source=f"{params_file} for {folder}")
    if proposal.table:
        _require_no_other(target, proposal.table, replace=replace)
    if dry_run:
        click.echo("\nNothing was written (--dry-run).")
        return
    _write(proposal, keys, target=target, params_file=params_file)


def _table_of(folder: Path, params_file: Path) -> Path | None:
    """The table that the parameters name for this folder; None where they are of another one, or cannot be read."""
    try:
        dataset = read_mapping(params_file).get("dataset")
    except ParamsError:
        return None
    if not isinstance(dataset, dict) or not dataset.get("labels") or Path(str(dataset.get("root"))) != folder:
        return None
    return folder / str(dataset["labels"])


def _renames(renames: tuple[str, ...]) -> dict[str, str]:
    pairs = [rename.rpartition("=") for rename in renames]
    for rename, (old, equals, _) in zip(renames, pairs, strict=True):
        if not (old and equals):
            raise click.UsageError(f"--rename wants OLD=NEW, not {rename!r}")
    return {old: new.strip() for old, _, new in pairs}


def _keys(proposal: Proposal, preset_name: str | None, params_file: Path) -> dict:
    """The nested keys of params.yaml, and what was chosen, told."""
    click.echo("\nParameters")
    if preset_name == AS_IT_IS:
        click.echo(f"  Those of {params_file}, but the data set.")
        keys = read_mapping(params_file)
    elif preset_name is not None:
        click.echo(f"  Preset {preset_name}, as you say.")
        keys = presets.read_preset(preset_name)
    else:
        fitting = machine.fit(
            machine.this_machine(), num_train=len(proposal.ids("train")), num_images=len(proposal.entries)
        )
        for reason in fitting.reasons:
            click.echo(f"  {reason}")
        keys = presets.over(presets.read_preset(fitting.preset), fitting.settings)
    return {**keys, "dataset": dict(proposal.dataset)}


def _require_no_other(target: Path, text: str, *, replace: bool) -> None:
    """Raises ValueError where the table that is there says what would be lost."""
    otherwise = table.changed_by_hand(target, text)
    if otherwise and not replace:
        raise ValueError(
            f"{target} {otherwise}, which the folder does not say, so it was left as it is and nothing was written;"
            " replace it by --replace, or give another file to --table"
        )


def _write(proposal: Proposal, keys: Mapping, *, target: Path, params_file: Path) -> None:
    """Write the table, then params.yaml, each whole or not at all, and tell what has changed and how it goes on."""
    click.echo("\nWritten")
    if proposal.table:
        table.write(target, proposal.table)
        click.echo(f"  {target}: {proposal.table.count(chr(10)) - 1} rows; tags and splits can be corrected there")
    changes = presets.use(dict(keys), params_file, source="the folder's data set")
    for line in _told(changes, params_file):
        click.echo(f"  {line}")
    again = "`dvc repro -f prepare`, then " if layout.INDEX.exists() else ""
    click.echo(f"\nNow `wsss check`, then {again}`dvc repro`.")


def _told(changes: list[str], params_file: Path) -> Iterator[str]:
    """The changes of the data set and the backbone; of the others their number, which may be a hundred."""
    own = [change for change in changes if change.startswith(("dataset.", "backbone."))]
    yield from (f"{params_file}: {change}" for change in own)
    rest = len(changes) - len(own)
    if changes == [f"{params_file}: written"]:
        yield changes[0]
    elif rest:
        yield f"{params_file}: {rest} other values as the preset and the reasons above have them (see `git diff`)"
    elif not own:
        yield f"{params_file}: nothing changed"
