"""Unfinished work of a stage, kept where DVC does not delete it, so that a killed run goes on.

A journal is one folder for each output and each key, that is, everything on which the output's bytes depend. A stage
fills it file by file and publishes it whole: the output appears complete or not at all, and a run with another key
never sees what an earlier one left.

    RESUME_FOLDER/OUTPUT/KEY/files/           becomes the output
    RESUME_FOLDER/OUTPUT/KEY/checkpoint.pt    and other state that is never published
    RESUME_FOLDER/OUTPUT/KEY.lock             there while a run uses the journal (`locks`)

All of it may be deleted whenever no stage runs.
"""

from __future__ import annotations

import errno
import os
import platform
import shutil
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wsss_core import artifacts, manifests
from wsss_core.problems import named
from wsss_core.runtime import environment, interruption, locks
from wsss_core.runtime.environment import Shard
from wsss_core.runtime.locks import HeldError
from wsss_core.runtime.worker import ALONE, Processes

KEPT = 2
"""Journals of other keys that stay, those used last: whoever goes back to a parameter or to the code before finds the
work of then. Older ones are deleted when the output's next run begins, unless a run uses them."""


class InUseError(RuntimeError):
    """Another run makes the same output from the same inputs."""


@dataclass(frozen=True)
class Journal:
    """Unfinished work and the place where it goes in the end.

    Attributes:
        folder: the files made so far; publishing moves all of them.
        out: where they go.
    """

    folder: Path
    out: Path

    @classmethod
    def open(
        cls, out: Path, *, key: object, processes: Processes = ALONE, shard: Shard | None = None
    ) -> AbstractContextManager[Journal]:
        """The journal of `out` for `key`, which no other run uses inside the block.

        Args:
            out: relative to the working folder, as a stage names it.
            key: JSON-like; everything on which the bytes of `out` depend.
            processes: share the journal; all of them open it.
            shard: of the work, which is all that this run does: others may be at other shards.

        Raises:
            InUseError: another run uses it, on any machine that sees the resume folder.
            ValueError: the journal would lie in `out`, which is replaced when it is published.
        """
        base = environment.resume_folder() / _name_of(out)
        _require_apart(base, out)
        return _used(cls(base / manifests.digest_of(key) / "files", out), processes, shard)

    @classmethod
    def again(cls, folder: Path, out: Path) -> AbstractContextManager[Journal]:
        """The journal whose folder `beside` is, as `open` gives it."""
        return _used(cls(folder / "files", out), ALONE, None)

    @property
    def beside(self) -> Path:
        """The folder of this key: what lies in it and not in `folder` is never published."""
        return self.folder.parent

    def publish(self) -> None:
        """Put the files in the place of `out`; what is kept beside them stays until `discard`."""
        publish(self.folder, self.out)

    def discard(self) -> None:
        """Forget all of it: the output and everything that belongs to it are in their places."""
        shutil.rmtree(self.beside, ignore_errors=True)


@contextmanager
def _used(journal: Journal, processes: Processes, shard: Shard | None) -> Iterator[Journal]:
    """The journal, of which the first process holds the lock."""
    base, holder = journal.beside.parent, None
    with ExitStack() as held:
        if processes.global_rank == 0:
            held.callback(_remove_empty, base)
            try:
                held.enter_context(locks.held(journal.beside, shard))
            except HeldError as error:
                holder = str(error)
        if holder := processes.broadcast(holder):
            raise InUseError(
                f"another run ({holder}) is making {journal.out} from the same inputs with the same code and"
                " parameters; wait until it ends, or stop it, and run this again"
            )
        if processes.global_rank == 0:
            journal.folder.mkdir(parents=True, exist_ok=True)
            if shard is None:
                _tidy(base, using=journal.beside)
        processes.barrier()
        yield journal


def whole(folder: Path, *, needed: Set[str], allowed: Set[str] = frozenset()) -> Set[str]:
    """The names of the finished files below a folder, without a manifest.

    Args:
        needed: names of files that must be there, relative to the folder.
        allowed: names of others that may.

    Raises:
        ArtifactError: files are missing, or some are neither needed nor allowed.
    """
    names = manifests.files_of(folder)
    missing, foreign = sorted(needed - names), sorted(names - needed - allowed)
    if missing or foreign:
        wrong = [f"lacks {len(missing)} of {len(needed)} results ({named(missing)})"] if missing else []
        wrong += [f"holds {len(foreign)} files that belong to no image ({named(foreign)})"] if foreign else []
        raise artifacts.ArtifactError(f"{folder} {' and '.join(wrong)}: delete {folder.parent} and run this again")
    return names


def publish(folder: Path, out: Path) -> None:
    """Put a finished folder of a journal in the place of `out`, which appears whole or stays as it was."""
    with interruption.held_back():  # or a signal would find `out` gone, and the new folder not there yet
        _publish(folder, out)


def _publish(folder: Path, out: Path) -> None:
    for temporary in artifacts.half_written(folder):
        temporary.unlink()
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(out, folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = _aside(out, "partial")
        shutil.rmtree(copy, ignore_errors=True)
        _copy(folder, copy)  # to another file system: the journal stays as it is until the copy is whole
        _replace(out, copy)


def _require_apart(base: Path, out: Path) -> None:
    if base.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"WSSS_RESUME_DIR is {base.parent}, inside {out}, which is made whole out of what lies there; set it to"
            " another folder"
        )


def _name_of(out: Path) -> str:
    """One name for each output: what a reader recognises, and a digest that tells `a-b/c` from `a/b-c`."""
    readable = "-".join(part for part in out.parts[-3:] if part != out.anchor)
    return f"{readable[:100]}-{manifests.digest_of(out.as_posix())[:8]}"


def _remove_empty(base: Path) -> None:
    """Take away what is empty, but a resume folder of the user's own."""
    with suppress(OSError):
        base.rmdir()
        if environment.resume_folder() == environment.USUAL_RESUME_FOLDER:
            environment.resume_folder().rmdir()


def _tidy(base: Path, *, using: Path) -> None:
    """Delete all but the newest journals of other keys. Whatever stands in the way stays: it harms nothing."""
    with suppress(OSError):
        os.utime(using)
        others = [path for path in base.iterdir() if path.is_dir() and path != using]
        for folder in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            with suppress(HeldError), locks.held(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _copy(folder: Path, target: Path) -> None:
    target.mkdir()
    for path in sorted(folder.rglob("*")):
        copy = target / path.relative_to(folder)
        try:
            copy.mkdir() if path.is_dir() else shutil.copyfile(path, copy)
        except OSError as error:  # a full disk names the file that is read
            raise OSError(error.errno, error.strerror, str(copy)) from error


def _replace(out: Path, new: Path) -> None:
    """Rename `new` to `out`. A folder that was there goes aside first, and comes back if the rename fails."""
    _remove_leftovers(out)
    old = _aside(out, "old")
    while True:
        if out.is_dir() and not out.is_symlink():
            out.rename(old)
        try:
            new.rename(out)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # else another run has published in between
                if old.exists():
                    old.rename(out)
                raise
            shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _aside(out: Path, kind: str) -> Path:
    """A hidden folder of this process beside `out`."""
    return out.with_name(f".{out.name}.{platform.node()}.{os.getpid()}.{kind}")


def _remove_leftovers(out: Path) -> None:
    """Delete the hidden folders beside `out` of processes of this machine that were killed while they published."""
    start = f".{out.name}.{platform.node()}."
    for path in out.parent.glob(".*"):
        pid = path.stem.removeprefix(start)
        if path.suffix in (".old", ".partial") and pid.isdigit() and not runs(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def runs(process_id: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True


def content_digest(*inputs: Path) -> list[str]:
    """What identifies each input: the digest of a folder's files, each of which is read, or of a file's bytes.

    Raises:
        ArtifactError: a file is missing, or a folder is no longer what its stage wrote.
    """
    found = []
    for path in inputs:
        if path.is_dir():
            found.append(manifests.check(path))
        else:
            with artifacts.reading(path):
                found.append(manifests.file_digest(path))
    return found
