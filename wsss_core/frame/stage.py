"""What all commands share: options, logging, errors as one sentence and an exit code, opened inputs."""

from __future__ import annotations

import errno
import functools
import logging
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from wsss_core import artifacts, layout, manifests
from wsss_core.data.index import Index
from wsss_core.frame import dvc_run
from wsss_core.params import Params, ParamsError, load_params
from wsss_core.runtime import cluster, environment, interruption, shortage, worker

PATH = click.Path(path_type=Path)

_REMEDIES: dict[int | None, str] = {
    errno.EEXIST: "a file stands where a folder is needed: move it away or choose another path",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away or choose another path",
    errno.EISDIR: "a folder stands where a file is needed: choose another path",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EROFS: "this disk is read-only: choose another path",
    errno.ENOENT: "put it there or correct the path",
}
_OTHER_REMEDY = "make it accessible or choose another path"


def command(function: Callable[..., None]) -> click.Command:
    """A click command that calls function(params, ...) with validated parameters; exit codes of `telling_errors`."""

    @click.command(help=function.__doc__)
    @click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True,
                  help="The parameters.")
    @functools.wraps(function)
    @telling_errors
    def run(params_file: Path, **options) -> None:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        dvc_run.refuse_linked_outputs()
        environment.resume_folder()  # or one that cannot be used would be told after the inputs have been read
        params = load_params(params_file)
        with dvc_run.telling_of_a_copy(params):
            function(params, **options)

    return run


def of_one_process(function: Callable[..., None]) -> Callable[..., None]:
    """A command whose work is not shared: of several processes that a launcher started, the first alone does it.

    Raises ValueError where the environment asks for a shard of it.
    """

    @functools.wraps(function)
    def run(*args, **kwargs) -> None:
        environment.require_no_shard()
        if cluster.is_first():
            function(*args, **kwargs)

    return run


def telling_errors(function: Callable[..., None]) -> Callable[..., None]:
    """Errors that name what is wrong, and signals, become a sentence and an exit code; others keep their traceback.

    Exit codes: 0 done; 1 bad input, or the machine ran out of something; 2 bad parameters or options; 128 + n ended by
    signal n. WSSS_DEBUG=1 shows the traceback of each, before its sentence.
    """

    @functools.wraps(function)
    def run(*args, **kwargs) -> None:
        with interruption.handled():
            try:
                with interruption.raising():
                    function(*args, **kwargs)
            except (Exception, KeyboardInterrupt) as error:
                ending = _ending(error)
                if ending is not None and environment.debug():
                    traceback.print_exception(error)
                if ending in (None, error):
                    raise
                raise ending from error
            if interruption.arrived():  # and its exception was lost on the way
                raise _stopped()

    return run


def _ending(error: BaseException) -> Exception | None:
    """What the command ends with because of the error, if that is to be told in a sentence."""
    if isinstance(error, KeyboardInterrupt) or interruption.arrived():
        return _stopped()
    if isinstance(error, click.exceptions.Exit):  # a RuntimeError too, but one that says nothing more
        return None
    if isinstance(error, ParamsError):
        return click.UsageError(str(error))
    if isinstance(error, click.ClickException):
        return error
    if lost := cluster.lost_sentence(error):
        cluster.await_supervisor()
        return click.ClickException(lost)
    message = shortage.sentence(error) or _sentence(error)
    notes = getattr(error, "__notes__", ())  # of `dvc_run.telling_of_a_copy`
    return None if message is None else click.ClickException("\n".join([message, *notes]))


def _stopped() -> click.exceptions.Exit:
    """Ends the processes that share the work and says how it goes on."""
    signum = interruption.arrived() or signal.SIGINT
    worker.end_all()
    with suppress(OSError):  # of a terminal that is gone
        click.echo(f"Stopped by {signum.name}; run the same command again, and a stage goes on where it was", err=True)
    return click.exceptions.Exit(128 + signum)


def _sentence(error: BaseException) -> str | None:
    """The sentence for the user, if the system names a file or this project wrote the error for its user."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; {_REMEDIES.get(error.errno, _OTHER_REMEDY)}"
    known = isinstance(error, (ValueError, RuntimeError, OSError))
    return str(error) if known and shortage.raised_in(error).startswith(("wsss_core", "stages")) else None


def draw_scenes(params: Params) -> None:
    """Have the generated pictures that `params` ask for drawn, if any and if others or none are there.

    In a process of its own, so that a stage does not depend on the code that draws, but on what is drawn.

    Raises:
        Exit: that process ended in an error, of which it has told.
    """
    if params.dataset.format == "scenes":
        drawing = [params.dataset.root, params.dataset.scenes.model_dump_json()]
        ended = subprocess.run([sys.executable, "-m", "wsss_core.cli.draw_scenes", *drawing], check=False)
        if ended.returncode:
            raise click.exceptions.Exit(ended.returncode)


def open_index(params: Params) -> Index:
    """The index that `prepare` wrote. Generated images that were cleaned away are made again."""
    index = Index.open(layout.INDEX)
    if not Path(params.dataset.root).exists():
        draw_scenes(params)
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
