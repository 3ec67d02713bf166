"""One look at a folder: its photographs, its folders of masks, and the texts and tables between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.names import HERE, Names, Sought, as_id, composed
from wsss_core.intake import texts
from wsss_core.intake.mask_folders import find_mask_folders
from wsss_core.intake.splits import split_in
from wsss_core.problems import DatasetError, layout_error, named

T = TypeVar("T")

_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts")
_SHEETS = (".xlsx", ".xls", ".ods", ".parquet")


@dataclass
class Survey:
    """A folder that was looked at.

    Attributes:
        folder: it.
        images: all image files below it, those of masks included.
        mask_folders: folders of label images, as paths below it.
        complaints: document -> why it could not be read by whoever tried.
        guessed: document -> names in it that are found by a part of them only, and the ids that they are taken for.
    """

    folder: Path
    images: ImageFolder
    mask_folders: tuple[str, ...]
    complaints: dict[Path, str] = field(default_factory=dict)
    guessed: dict[Path, dict[str, str]] = field(default_factory=dict)
    _kept: dict[tuple[Path, str], Any] = field(default_factory=dict)

    @cached_property
    def photographs(self) -> dict[str, Path]:
        """id, the path below the folder without suffix -> file; masks, and names with two files, are none."""
        return {
            name: paths[0]
            for name, paths in self.images.files.items()
            if len(paths) == 1 and not any(name.startswith(f"{folder}/") for folder in self.mask_folders)
        }

    @cached_property
    def names(self) -> Names:
        """Finds the photographs by the names of documents."""
        return Names(self.photographs, self.folder)

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for name in self.photographs:
            base = name.rpartition("/")[2]
            if base.isdecimal():
                found[base.lstrip("0")].append(name)
        return found

    def documents(self, *suffixes: str) -> list[Path]:
        """The texts and tables with these suffixes (lower case), ascending."""
        return sorted(path for path in self.images.others if path.suffix.lower() in suffixes)

    def below(self, path: Path) -> str:
        """How a file is called in messages: by its path below the folder."""
        return path.relative_to(self.folder).as_posix()

    def groups(self, paths: list[Path]) -> list[tuple[Path, ...]]:
        """The documents that belong together: all of them where each is of another split, else each alone."""
        named_splits = [split_in(self.below(path)) for path in paths]
        if len(paths) > 1 and all(named_splits) and len(set(named_splits)) == len(paths):
            return [tuple(paths)]
        return [(path,) for path in paths]

    def split(self, path: Path) -> str:
        """The split that a document is of; "" where its name tells of none."""
        return split_in(self.below(path))

    def json(self, path: Path) -> Any:
        """What a JSON file holds, parsed once; None where it is none."""
        return self.read(path, texts.read_json)

    def read(self, path: Path, reader: Callable[[Path], T]) -> T | None:
        """What a reader makes of a document, read once; None, and a complaint, where it cannot be read."""
        key = path, reader.__qualname__
        if key not in self._kept:
            try:
                self._kept[key] = reader(path)
            except DatasetError as error:
                self.complaints[path] = str(error)
                self._kept[key] = None
        return self._kept[key]

    def find(self, names: Iterable[str], *, near: Path | None = None) -> dict[str, str]:
        """Name -> the id of the photograph that it means, for the names of one document that mean one.

        Beside what `Names` finds: a number without the zeros in front of it, where one photograph alone has it.

        Args:
            names: as the document writes them, with or without folders and suffixes.
            near: the document, whose own folder is looked into first.
        """
        names = list(dict.fromkeys(names))
        places = self._places(near)
        sought: dict[str, Sought] = {name: (name, places) for name in names}
        matches = self.names.matches(sought)
        found = {name: match.id for name, match in matches.items()}
        guessed = {name: match.id for name, match in matches.items() if not match.is_exact}
        taken = set(found.values())
        for name in names:
            number = as_id(name).rpartition("/")[2]
            ids = self._by_number.get(number.lstrip("0"), []) if number.isdecimal() and name not in found else []
            if len(ids) == 1 and ids[0] not in taken:
                found[name] = guessed[name] = ids[0]
                taken.add(ids[0])
        if near is not None and guessed:
            self.guessed[near] = guessed
        return found

    def _places(self, near: Path | None) -> tuple[str, ...]:
        if near is None or not near.is_relative_to(self.folder):
            return HERE
        own = near.parent.relative_to(self.folder).as_posix()
        beside = [near.stem.removeprefix("instances_"), f"{own}/images", own]
        return (*(composed(place) for place in beside), *HERE)

    def missing(self, names: Iterable[str], found: Mapping[str, str], path: Path) -> list[str]:
        """A sentence on the names of a document that mean no photograph."""
        unknown = [name for name in dict.fromkeys(names) if name not in found]
        if not unknown:
            return []
        hint = next(filter(None, map(self.images.instead_of, unknown)), "")
        has = "names 1 image that is" if len(unknown) == 1 else f"names {len(unknown)} images that are"
        return [f"{self.below(path)} {has} not there, or not found by one name ({named(unknown)}){hint}."]

    def guesses(self, documents: Iterable[Path]) -> list[str]:
        """A sentence for each document of which names are found by a part of them only."""
        told = []
        for path in documents:
            guessed = self.guessed.get(path, {})
            for name, image_id in [*guessed.items()][:1]:
                found = self.below(self.photographs[image_id])
                told.append(
                    f"{len(guessed)} names of {self.below(path)} are found by a part of them only: {name} is {found}."
                )
        return told

    def left_out(self) -> list[str]:
        """Sentences on the files that are passed over, and on names that two files bear."""
        told = [
            f"{len(paths)} files are both called {name} ({named([self.below(path) for path in paths])}): keep one."
            for name, paths in self.images.files.items()
            if len(paths) > 1
        ]
        by_reason = defaultdict(list)
        for item in self.images.passed_over:
            by_reason[_reason(item.path, item.reason)].append(self.below(item.path))
        for reason, names in by_reason.items():
            told.append(f"{len(names)} {'file is' if len(names) == 1 else 'files are'} {reason}: {named(names)}.")
        return told


def _reason(path: Path, reason: str) -> str:
    suffix = path.suffix.lower()
    if suffix in _VIDEOS:
        return "a video or several, not photographs (cut them into pictures first, for instance by `ffmpeg -i`)"
    if suffix in _SHEETS:
        return "a spreadsheet, which is not read (save it as CSV)"
    return f"passed over, {reason}"


def look_at(folder: Path) -> Survey:
    """The survey of a folder.

    Raises:
        DatasetError: there is no such folder, it is a file, it is the project itself, or it holds no photograph.
    """
    if not folder.is_dir():
        what = "it is a file; give the folder that holds the photographs" if folder.exists() else (
            "there is no such folder; give the one that holds the photographs"
        )  # fmt: skip
        raise layout_error(folder, what)
    if (folder / "dvc.yaml").exists():
        raise layout_error(folder, "it is a project with a graph of its own; give the folder of the photographs alone")
    folder = folder.resolve()
    images = list_images(folder)
    survey = Survey(folder, images, find_mask_folders(images))
    if not survey.photographs:
        told = survey.left_out()
        seen = f" ({' '.join(told)})".replace(".)", ")") if told else ", nor in a folder inside it"
        raise layout_error(folder, f"there is no photograph in it{seen}; JPEG, PNG, TIFF and WebP are read")
    return survey
