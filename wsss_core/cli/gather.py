"""`wsss gather`: publishes what an array of jobs has made shard by shard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from wsss_core.artifacts import ArtifactError
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.runtime import gathering


@click.command()
@click.argument("folders", nargs=-1, type=PATH, metavar="[FOLDER]...")
@telling_errors
def gather(folders: Sequence[Path]) -> None:
    """Publish each FOLDER, such as data/cam, of which an array of jobs has made every shard; by default all of them.

    A job of the array runs a stage with WSSS_SHARD=3/16 and makes one of sixteen equal parts of its images. What is
    published is what one run of the stage would make now: shards of other parameters, inputs or code are refused. A
    folder that lacks something stays as it was.
    """
    waiting = gathering.pending()
    if unknown := [folder.as_posix() for folder in folders if folder not in waiting]:
        raise click.UsageError(f"no shard of {', '.join(unknown)} is there; {_known([*waiting])}")
    if not waiting:
        raise click.UsageError(f"no shards are there; {_known([])}")
    lacking = []
    for folder in folders or waiting:
        try:
            whole = gathering.publish(waiting[folder])
        except ArtifactError as error:
            lacking.append(str(error))
        else:
            click.echo(f"{folder}: {len(whole.ids)} images")
    if lacking:
        raise ValueError("\n".join(lacking))


def _known(folders: Sequence[Path]) -> str:
    if folders:
        return f"those of {', '.join(folder.as_posix() for folder in folders)} are"
    return "run a stage with WSSS_SHARD=1/16 to 16/16 first, and with the WSSS_RESUME_DIR of this command"
