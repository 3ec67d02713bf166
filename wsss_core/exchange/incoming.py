"""Corrected label maps of another format as label maps of the data set: all of them, or nothing."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.data.images import why_exchanged
from wsss_core.data.index import Index
from wsss_core.data.names import Names
from wsss_core.exchange.format import Drawn, ExchangeError, Format, Sought
from wsss_core.exchange.replacing import replacing
from wsss_core.problems import named, printable, suggestion

STAGE = "labels import"
MOST_UNPACKED = 1 << 36
"""Bytes of an archive's content; more is no export of label maps."""


@dataclass(frozen=True)
class Imported:
    """What was read.

    Attributes:
        folder: of the label maps, with a manifest.
        splits: split -> the ids of its photographs that have one now, ascending.
        notes: what the reader passed over.
    """

    folder: Path
    splits: Mapping[str, list[str]]
    notes: list[str]


def import_labels(
    source: Path, target: Format, index: Index, *, name: str, ignore_as: str, added: bool = False
) -> Imported:
    """Write `data/corrected/<name>`; an earlier import of this name is replaced.

    Args:
        source: a folder, a file, or a zip of a folder.
        target: the format that it is of.
        index: of the photographs.
        name: of the folder.
        ignore_as: the label that stands for ignored pixels.
        added: keep the maps that an earlier import of this name brought of other photographs.

    Raises:
        ExchangeError, DatasetError, ArtifactError: the source is broken, or not of these photographs and classes, or
            what lies at the folder is no earlier import.
    """
    folder = _folder(name)
    sought = Sought(index.classes, ignore_as)
    with _unpacked(source) as unpacked, replacing(folder) as temporary:
        drawn = _by_id(target.read(unpacked, sought), index, source)
        if added:
            _keep(folder, temporary, without=drawn)
        for image_id, each in drawn.items():
            labels = each.draw(index.size(image_id))
            _require_size(labels, index, image_id, f"{source}: the mask of {each.name}")
            artifacts.write_labels(temporary, image_id, labels)
        there = manifests.write(
            temporary, stage=STAGE, params={"from": target.TITLE}, names=manifests.files_of(temporary),
            supervised_by=supervision.PIXELS,
        )  # fmt: skip
    splits = {split: [name for name in ids if f"{name}.png" in there] for split, ids in index.splits.items()}
    return Imported(folder, splits, sought.notes)


def _folder(name: str) -> Path:
    """Where an import lies. Raises ExchangeError where the name is none of a folder, or the folder no import."""
    if not name or name.startswith((".", "-")) or set(name) & set("/\\\0") or not name.isprintable():
        raise ExchangeError(f"--as {printable(name)!r} is no name of a folder; give one such as `mine`")
    folder = layout.CORRECTED / name
    is_ours = (folder / artifacts.MANIFEST).is_file() and manifests.read(folder)["stage"] == STAGE
    if folder.exists() and not is_ours:
        raise ExchangeError(f"{folder} is there and no earlier import; choose another --as or move it away")
    return folder


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The source, or the content of a zip in a folder that goes with the block."""
    if not source.exists():
        raise ExchangeError(f"{source} does not exist; give the file or folder that the annotation tool exported")
    if source.is_dir() or not zipfile.is_zipfile(source):
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        with artifacts.reading(source), zipfile.ZipFile(source) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
                size = f"{MOST_UNPACKED >> 30} GB"
                raise ExchangeError(f"{source} unpacks to more than {size}; give the folder")
            archive.extractall(folder)
        yield Path(folder)


def _by_id(drawn: Sequence[Drawn], index: Index, source: Path) -> dict[str, Drawn]:
    """Id -> what the source has of it. Raises ExchangeError where it has other photographs, or one twice."""
    if not drawn:
        raise ExchangeError(f"{source} holds no label map")
    matches = Names(index.records, Path(index.root)).all_matches(each.name for each in drawn)
    if unknown := [each.name for each in drawn if each.name not in matches]:
        near = suggestion(unknown[0], index.records)
        raise ExchangeError(
            f"{source}: {len(unknown)} of {len(drawn)} photographs are not in this data set, or their names mean"
            f" several ({named(unknown)}){near}{' Take' if near else '; take'} them out, or name them by their paths"
            f" below {index.root}"
        )
    found: dict[str, Drawn] = {}
    for each in drawn:
        image_id = matches[each.name].id
        if image_id in found:
            both = f"{found[image_id].place} and {each.place}"
            raise ExchangeError(f"{source}: {both} are both of photograph {image_id}; keep one")
        found[image_id] = each
    return found


def _require_size(labels: np.ndarray, index: Index, image_id: str, mask: str) -> None:
    size = index.size(image_id)
    if labels.shape != size:
        remedy = why_exchanged(index.path(image_id), size=labels.shape, shown=size)
        raise ExchangeError(
            f"{mask} is {labels.shape[0]} x {labels.shape[1]} pixels (height x width), its photograph {size[0]} x"
            f" {size[1]}; {remedy or 'correct it on the photograph as it is'}"
        )


def _keep(folder: Path, temporary: Path, *, without: Mapping[str, object]) -> None:
    """Take over the maps of an earlier import, but of photographs that come anew."""
    if not folder.exists():
        return
    manifests.check(folder)
    for name in manifests.read(folder)["files"]:
        if name.removesuffix(".png") not in without:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, temporary / name)
