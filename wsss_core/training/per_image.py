"""The one runner of every stage that makes one result per image.

Ids go to the ranks in strides (`ids[rank::world]`), largest image first, so that no rank ends long after the
others. CPU-bound work spreads over a standard process pool; work on a network stays in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from wsss_core import artifacts
from wsss_core.data.pool import map_in_order
from wsss_core.training.journal import Journal, content_digest

Work = Callable[[str, Path], None]
"""Makes the files of one image id in a folder; its last write is `<id><suffix>`."""


class Processes(Protocol):
    """This process's place among several; a launched Fabric is one."""

    @property
    def global_rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    def barrier(self) -> object: ...


class _Alone:
    global_rank, world_size = 0, 1

    def barrier(self) -> None:
        pass


def run(
    ids: Sequence[str],
    work: Work,
    *,
    stage: str,
    out: Path,
    suffix: str,
    params: object,
    inputs: Sequence[Path],
    areas: Callable[[str], int],
    workers: int = 0,
    processes: Processes | None = None,
) -> None:
    """Make each id's result once, then publish all of them together, with a manifest, as `out`.

    Args:
        ids: the images; an id may hold slashes.
        work: called as work(id, folder); must pickle when workers > 1.
        stage: shown in the progress bar and written to the manifest.
        out: the folder that appears when the last result is there. Until then results gather in a journal, and a
            killed run goes on from it as long as `params` and `inputs` stay what they were.
        suffix: ends the file name that shows that an id is done (".png", ".npz").
        params: JSON-like; what the results depend on beside the inputs.
        inputs: files, or folders with a manifest, that the work reads.
        areas: an id's cost, for the order.
        workers: processes of a pool; 0 or 1 works in this process.
        processes: where several processes run this very call; None = alone.

    Raises:
        whatever work raises, at once; results made so far stay in the journal.
    """
    here = processes or _Alone()
    journal = Journal.open(out, key={"params": params, "inputs": content_digest(*inputs)})
    ordered = sorted(ids, key=areas, reverse=True)[here.global_rank::here.world_size]
    missing = [image_id for image_id in ordered if not (journal.folder / f"{image_id}{suffix}").exists()]
    with tqdm(total=len(ordered), initial=len(ordered) - len(missing), desc=stage, unit="image",
              disable=here.global_rank > 0) as bar:
        for _ in map_in_order(partial(_make, work, journal.folder), missing, workers=workers):
            bar.update()
    here.barrier()
    if here.global_rank == 0:
        made = (path for path in journal.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        artifacts.write_manifest(journal.folder, stage=stage, params=params, paths=made)
        journal.publish()


def _make(work: Work, folder: Path, image_id: str) -> None:
    work(image_id, folder)
