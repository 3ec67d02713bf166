"""A copy of the repository in a folder of its own, in which a graph runs: the same code, other parameters.

It has its own artifacts and shares DVC's cache, so that what one of them made need not be made again in another.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wsss_core import artifacts, layout
from wsss_core.frame import dvc_run
from wsss_core.params import Params
from wsss_core.runtime import interruption, locks
from wsss_core.runtime.journal import InUseError
from wsss_core.runtime.locks import HeldError

COPIED = ("stages", "wsss_core", "presets", "pipelines", "dvc.yaml", ".dvcignore")
RAW = Path("data/raw")
"""Where data sets lie that come with no other path."""
LINKS = "reflink,hardlink,symlink,copy"
"""How DVC brings files out of its cache unless told otherwise: the first that the disk knows."""
_CONFIG = """[core]
    no_scm = true
    analytics = false
[cache]
    dir = {cache}
    type = "{links}"
"""
_LOOKING_SECONDS = 0.1


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Use the copy in a folder, inside the block, as the only command: another would change what runs there.

    Raises:
        InUseError: another command uses it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locks.held(folder))
        except HeldError as error:
            raise InUseError(f"another command ({error}) is at work in {folder}; wait until it ends") from None
        yield


def make(folder: Path, params: str, *, cache: str, links: str = LINKS) -> None:
    """Make `folder` a copy of the repository in the working folder; what is there already and the same stays untouched.

    Args:
        folder: the copy's.
        params: the text of its params.yaml.
        cache: the folder of DVC's cache, absolute or relative to the copy's `.dvc`.
        links: DVC's `cache.type`.
    """
    for source in COPIED:
        _mirror(Path(source), folder / source)
    for path, text in {
        folder / layout.PARAMS: params,
        folder / ".dvc/config": _CONFIG.format(cache=cache, links=links),
    }.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            artifacts.write_text(path, text)


def link_inputs(folder: Path, params: Params) -> None:
    """Let a copy see the data sets and the files of the user's that the parameters name by relative paths.

    Raises:
        ValueError: such a path leads out of the folder that holds all copies, and out of the repository.
    """
    RAW.mkdir(parents=True, exist_ok=True)
    for name in [RAW.as_posix(), *dvc_run.paths_of(params)]:
        original, link = Path(name), folder / name
        if original.is_absolute() or link.exists() or not original.exists():
            continue
        if folder.parent.resolve() not in Path(os.path.normpath(Path.cwd() / link)).parents:
            raise ValueError(f"{name} lies outside of the repository; write its absolute path into params.yaml")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)  # a link that leads nowhere any more
        link.symlink_to(original.absolute())


def repro(folder: Path, targets: Sequence[str] = ()) -> int:
    """The exit code of `dvc repro` in a copy. A signal that ends this command ends that one in order first.

    DVC and its stage have a group of their own: SIGTERM reaches a single process, and a stage whose DVC was killed
    would go on alone.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    grouped = hasattr(os, "killpg")
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=grouped)
    try:
        return process.wait()
    except KeyboardInterrupt:
        if grouped:
            _end_group(process, interruption.arrived() or signal.SIGINT)
        raise


def _end_group(process: subprocess.Popen, signum: int) -> None:
    """Pass a signal on and wait until nothing of the group is left."""
    while True:
        try:
            os.killpg(process.pid, signum)
        except ProcessLookupError:
            return
        signum = 0  # from now on only look
        process.poll()
        time.sleep(_LOOKING_SECONDS)


def _mirror(source: Path, target: Path) -> None:
    """Make target the same as source, leaving equal files alone; byte-code is not copied."""
    if source.is_file():
        if not target.is_file() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return
    names = {child.name for child in source.iterdir() if child.name != "__pycache__"}
    for stale in [child for child in target.iterdir() if child.name not in names] if target.is_dir() else []:
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    for name in names:
        _mirror(source / name, target / name)
