"""`wsss inspect`: single images through all cached stages, also beside another revision or experiment."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from wsss_core import artifacts, layout
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.params import load_params

OUT = layout.REPORTS / "inspect.html"
MARK = "Made by <code>wsss inspect</code>"
"""Stands on each page, by which the command knows its own."""
_SHOWN = 3


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--rev", help="A commit, branch or tag whose cached maps stand beside those of now.")
@click.option("--exp", help="An experiment (`dvc exp list`), likewise.")
@click.option("--out", type=PATH, default=OUT, show_default=True, help="The page.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def inspect(ids: Sequence[str], rev: str | None, exp: str | None, out: Path, params_file: Path) -> None:
    """Write a page of images, named by their IDS, after every stage that ran: pictures, figures, the true mask.

    With --rev or --exp what DVC keeps of another revision or experiment stands beside, and the workspace stays as it
    is. The page is one file.
    """
    from wsss_core.frame.truth import open_truth  # and all that draws: the other commands start without
    from wsss_core.report import cached, inspection

    if rev and exp:
        raise click.UsageError("give --rev or --exp, not both")
    if out.exists() and (out.is_dir() or MARK not in out.read_text(encoding="utf-8", errors="replace")):
        raise click.UsageError(f"{out} is no page of `wsss inspect`, and stays as it is; give another --out")
    params = load_params(params_file)
    index = open_index(params)
    image_ids = list(dict.fromkeys(ids))
    if sentence := inspection.unknown(image_ids, index):
        raise click.UsageError(sentence)
    now = inspection.Source("now", index, Path(), cached.folders_below(Path()))
    sources, notes = [now], _notes(now, image_ids)
    with tempfile.TemporaryDirectory() as taken:
        if name := rev or exp:
            beside, said = _beside(name, image_ids, Path(taken))
            sources, notes = [now, beside], [*notes, *said]
        artifacts.write_text(out, inspection.render(image_ids, open_truth(params, index), sources, notes=notes))
    for note in notes:
        click.echo(note)
    click.echo(f"wrote {out}")


def _notes(now, image_ids: Sequence[str]) -> list[str]:
    kept = {image_id for image_id in image_ids if now.columns(image_id)}
    without = [image_id for image_id in image_ids if image_id not in kept]
    return [f"No stage has kept a map of {', '.join(without)} yet; `dvc repro` makes them."] if without else []


def _beside(name: str, image_ids: Sequence[str], target: Path):
    """The source of another revision, and sentences on what of it is not here.

    Raises:
        ValueError: there is no such revision, or it kept no index.
    """
    from wsss_core.frame.revision import Revision
    from wsss_core.report import inspection

    source, missing = inspection.take(Revision(name), name, image_ids, target)
    named = ", ".join(path.as_posix() for path in missing[:_SHOWN]) + ", ..." * (len(missing) > _SHOWN)
    remedy = f"`git checkout {name} && dvc pull` fetches them from a remote, where one has them"
    if source is None:
        reason = f"{named} of {name} not in DVC's cache; {remedy}" if missing else f"{name} has no {layout.INDEX}"
        raise ValueError(reason)
    return source, [f"Not in DVC's cache, of {name}: {named}; {remedy}."] if missing else []
