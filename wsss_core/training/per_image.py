"""The one runner of every stage that makes one result per image.

Ids go to the ranks in strides (`ids[rank::world]`), largest image first, so that no rank ends long after the
others. CPU-bound work spreads over a standard process pool; work on a network stays in this process.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from wsss_core import artifacts
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
        for _ in _results(missing, work, journal.folder, workers):
            bar.update()
    here.barrier()
    if here.global_rank == 0:
        made = (path for path in journal.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        artifacts.write_manifest(journal.folder, stage=stage, params=params, paths=made)
        journal.publish()


def _results(ids: Sequence[str], work: Work, folder: Path, workers: int) -> Iterable[None]:
    if workers <= 1 or len(ids) <= 1:
        for image_id in ids:
            work(image_id, folder)
            yield
        return
    context, arguments = get_context("spawn"), (work, folder)
    with _one_thread_each(), ProcessPoolExecutor(min(workers, len(ids)), context, _initialise, arguments) as pool:
        try:
            for future in as_completed([pool.submit(_work_on, image_id) for image_id in ids]):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_assigned: tuple[Work, Path] | None = None  # sent to each process once, not with every id


def _initialise(work: Work, folder: Path) -> None:
    global _assigned
    _assigned = work, folder


def _work_on(image_id: str) -> None:
    work, folder = _assigned  # type: ignore[misc]
    try:
        work(image_id, folder)
    except Exception as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        # The traceback does not reach the parent, which tells errors by the module that raised them.
        error.raised_in = frame.f_globals["__name__"]  # type: ignore[attr-defined]
        raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """As many processes as cores, each with one thread: nested pools only fight for the cores."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
