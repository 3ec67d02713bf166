"""What all commands share: options, logging, errors as one sentence and an exit code, opened inputs."""

from __future__ import annotations

import errno
import functools
import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from wsss_core import artifacts, layout, manifests
from wsss_core.data import scenes
from wsss_core.data.index import Index
from wsss_core.data.source import Source
from wsss_core.params import Params, ParamsError, load_params

PATH = click.Path(path_type=Path)

_REMEDIES: dict[int | None, str] = {
    errno.EEXIST: "a file stands where a folder is needed: move it away or choose another path",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away or choose another path",
    errno.EISDIR: "a folder stands where a file is needed: choose another path",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOSPC: "free some space and run the same command again",
    errno.ENOENT: "put it there or correct the path",
}
_OTHER_REMEDY = "make it accessible or choose another path"


def command(function: Callable[..., None]) -> click.Command:
    """A click command that calls function(params, ...) with the validated parameters.

    Exit codes: 0 done; 1 bad input, told in one sentence; 2 bad parameters or options.
    """

    @click.command(help=function.__doc__)
    @click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True,
                  help="The parameters.")
    @functools.wraps(function)
    @telling_errors
    def run(params_file: Path, **options) -> None:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        function(load_params(params_file), **options)

    return run


def telling_errors(function: Callable[..., None]) -> Callable[..., None]:
    """Errors that name what is wrong become a message and an exit code; all others keep their traceback."""

    @functools.wraps(function)
    def run(*args, **kwargs) -> None:
        try:
            function(*args, **kwargs)
        except click.exceptions.Exit:  # a RuntimeError too, but one that says nothing more
            raise
        except ParamsError as error:
            raise click.UsageError(str(error)) from error
        except (ValueError, RuntimeError, OSError) as error:
            message = _told(error)
            if message is None:
                raise
            raise click.ClickException(message) from error

    return run


def _told(error: Exception) -> str | None:
    """The sentence for the user, if the system names a file or this project wrote the error for its user."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; {_REMEDIES.get(error.errno, _OTHER_REMEDY)}"
    return str(error) if _raised_in(error).startswith(("wsss_core", "stages")) else None


def _raised_in(error: Exception) -> str:
    """The module that raised the error, in this process or in one of `per_image`'s."""
    if hasattr(error, "raised_in"):
        return error.raised_in
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "")


def source_of(params: Params) -> Source:
    """The data set that `params` describe; it need not be there."""
    dataset = params.dataset
    return Source(**dataset.model_dump(exclude={"scenes", "root"}), root=Path(dataset.root))


def ensure_scenes(params: Params) -> None:
    """Make the generated images that are not there, if `params` ask for any."""
    if params.dataset.format == "scenes":
        scenes.ensure(Path(params.dataset.root), **params.dataset.scenes.model_dump())


def open_index(params: Params) -> Index:
    """The index that `prepare` wrote. Generated images that were cleaned away are made again."""
    index = Index.open(layout.INDEX)
    ensure_scenes(params)
    return index


def require(folder: Path, *, stage: str | Path) -> Path:
    """`folder`, if a finished stage wrote it.

    Raises:
        UsageError: it is missing; names the stage, or the graph, that makes it.
    """
    if not (folder / artifacts.MANIFEST).exists():
        raise click.UsageError(f"{folder} holds no finished output; run `dvc repro {stage}` first")
    return folder


def require_whole(folder: Path, *, stage: str | Path) -> Path:
    """As `require`, and every file of it is read and is what that stage wrote; journals check their inputs so.

    Raises:
        UsageError: as `require`.
        ArtifactError: files are missing, foreign, damaged or changed by hand.
    """
    manifests.check(require(folder, stage=stage))
    return folder
