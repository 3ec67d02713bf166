"""Reads what DVC keeps of another revision or experiment, and leaves the workspace as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wsss_core import artifacts


class Revision:
    """The files of one revision, as DVC and Git know them."""

    def __init__(self, name: str) -> None:
        """Open a revision of the repository in the working folder.

        Args:
            name: a commit, branch, tag or experiment.

        Raises:
            ValueError: there is no such revision, or nothing keeps revisions here.
        """
        from dvc.api import DVCFileSystem  # a second, which nothing else here needs
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
        from dvc.scm import NoSCM, resolve_rev

        self.name = name
        try:
            repo = Repo(".")
        except DvcException as error:
            raise ValueError(f"this folder keeps no revisions ({error}); run in a clone of the repository") from error
        if isinstance(repo.scm, NoSCM):
            raise ValueError("DVC knows no Git repository here (core.no_scm), so there are no revisions to look at")
        try:
            commit = resolve_rev(repo.scm, name)
        except DvcException as error:
            known = "`git log --all` lists the commits, `dvc exp list --all` the experiments"
            raise ValueError(f"{name} is no commit, branch, tag or experiment here; {known}") from error
        self._files = DVCFileSystem(".", rev=commit)

    def outs(self) -> list[Path]:
        """All that its graphs keep, relative to the repository's root.

        Raises:
            ValueError: a graph of it is broken.
        """
        from dvc.exceptions import DvcException

        try:
            return sorted({Path(out.fs_path.lstrip("/")) for out in self._files.repo.index.outs})
        except DvcException as error:
            raise ValueError(f"the graphs of {self.name} cannot be read: {error}") from error

    def take(self, paths: Sequence[Path], target: Path) -> list[Path]:
        """Copy the files that the revision has below `target`.

        Returns:
            what it has, but neither the cache nor a remote holds: the file, or the folder of which not even the list
            of its files is there.
        """
        missing: list[Path] = []
        for path in paths:
            try:
                content = self._read(path)
            except _Missing as error:
                missing.append(error.path)
                continue
            if content is not None:
                with artifacts.atomic(target / path) as temporary:
                    temporary.write_bytes(content)
        return list(dict.fromkeys(missing))

    def _read(self, path: Path) -> bytes | None:
        """A file's content; None where the revision has no such file."""
        from dvc.exceptions import DvcException
        from dvc_data.index import DataIndexError

        name = path.as_posix()
        try:
            self._files.ls(path.parent.as_posix(), detail=False)
        except FileNotFoundError:
            return None
        except DataIndexError:
            raise _Missing(path.parent) from None
        if not self._files.exists(name):
            return None
        try:
            with self._files.open(name, "rb") as file:
                return file.read()
        except (OSError, DvcException, DataIndexError):
            raise _Missing(path) from None


class _Missing(Exception):
    """The revision has `path`, but its bytes are not here."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
