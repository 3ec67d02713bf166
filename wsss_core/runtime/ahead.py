"""Work of threads beside the main one: what is read before it is asked for, and written after it was made.

Decoding and encoding leave Python's lock, so threads do both while the main one drives a network: this is the loader of
whatever looks at photographs, and its writer. Neither runs away from the network: each holds so much and no more.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Source = TypeVar("Source")
Item = TypeVar("Item")

_WAITING = 2
"""Items of one source that wait to be taken, such as frames of a video."""
_LOOK_SECONDS = 0.1
"""A thread that waits for room looks so often whether anybody will make it."""
_END = object()


def ahead(
    sources: Iterable[Source], make: Callable[[Source], Iterable[Item]], *, threads: int
) -> Generator[Item, None, None]:
    """All that make(source) yields, source after source, made by threads before it is asked for.

    Args:
        sources: taken one by one by the thread that asks for the items, 2 x `threads` of them before their items are.
        make: called in a thread for each source, of which several run at once.
        threads: 0 makes each item when it is asked for, in the thread that asks.

    Raises:
        what `sources` and `make` raise, in the source's turn: what came before is not lost. Then, as when the iterator
        is closed, threads end after the item that they are at, and what nobody has taken is dropped.

    >>> list(ahead([1, 2, 3], lambda number: [number] * number, threads=2))
    [1, 2, 2, 3, 3, 3]
    """
    if threads <= 0:
        for source in sources:
            yield from make(source)
        return
    remaining, feeds = iter(sources), deque[_Feed]()
    is_closed, is_last = threading.Event(), False
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        while feeds or not is_last:
            if not is_last and len(feeds) < 2 * threads:
                feed = _Feed(is_closed)
                try:
                    following: Any = next(remaining, _END)
                except BaseException as error:  # raised in its turn, when all that came before was taken
                    feed.fail(error)
                    feeds.append(feed)
                    is_last = True
                else:
                    is_last = following is _END
                    if not is_last:
                        feeds.append(feed)
                        pool.submit(feed.fill, make, following)
            while feeds and feeds[0].is_over():
                feeds.popleft()
            if feeds and (is_last or len(feeds) == 2 * threads or feeds[0].is_ready()):
                item = feeds[0].take()
                if item is _END:
                    feeds.popleft()
                else:
                    yield item
    finally:
        is_closed.set()
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Relay:
    """Work in three parts, of which threads do the first and the last, so that the second does not wait for files.

    Attributes:
        read: read(ids) -> what `make` takes.
        make: make(ids, read) -> a result for each id; in the thread of whoever runs this.
        write: write(folder, id, result), the files of one id.
        threads: for each of reading and writing; 0 does one part after the other.
    """

    read: Callable[[Sequence[str]], Any]
    make: Callable[[Sequence[str], Any], Sequence[Any]]
    write: Callable[[Path, str, Any], None]
    threads: int

    def results(self, batches: Iterable[Sequence[str]], folder: Path) -> Iterator[Sequence[str]]:
        """The batches, each when its files are written."""

        def written(batch: tuple[Sequence[str], Sequence[Any]]) -> Iterator[Sequence[str]]:
            for image_id, result in zip(*batch, strict=True):
                self.write(folder, image_id, result)
            yield batch[0]

        with (
            closing(ahead(batches, lambda ids: [(ids, self.read(ids))], threads=self.threads)) as inputs,
            closing(ahead(((ids, self.make(ids, own)) for ids, own in inputs), written, threads=self.threads)) as done,
        ):
            yield from done


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Feed:
    """What a thread has made of one source and nobody has taken yet; the last is _END or a _Failure."""

    def __init__(self, is_closed: threading.Event) -> None:
        self._made: queue.Queue[Any] = queue.Queue(_WAITING)
        self._is_closed = is_closed

    def fill(self, make: Callable[[Any], Iterable[Any]], source: Any) -> None:
        """What the thread does. It holds on to no item that it has handed over, which may be large."""
        try:
            for item in make(source):
                if not self._put(item):
                    return
                del item
            self._put(_END)
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Have an error raised where the next item is asked for."""
        self._put(_Failure(error))

    def take(self) -> Any:
        """The next item, waited for; _END after the last."""
        item = self._made.get()
        if isinstance(item, _Failure):
            raise item.error
        return item

    def is_ready(self) -> bool:
        return not self._made.empty()

    def is_over(self) -> bool:
        """Whether nothing but _END is left to take."""
        return self.is_ready() and self._made.queue[0] is _END

    def _put(self, item: Any) -> bool:
        """Whether there was somebody to put it there for."""
        while not self._is_closed.is_set():
            try:
                self._made.put(item, timeout=_LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False
