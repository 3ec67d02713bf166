"""Space that threads share."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wsss_core.runtime.room import Room


def test_threads_have_no_more_together_than_there_is():
    room, lock, now, seen = Room(10), threading.Lock(), [0], []

    def work(amount):
        with room.taken(amount):
            with lock:
                now[0] += amount
                seen.append(now[0])
            threading.Event().wait(0.002)
            with lock:
                now[0] -= amount

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [3, 4, 5, 2, 6] * 12))
    assert len(seen) == 60
    assert max(seen) <= 10


def test_two_that_fit_have_their_parts_at_once():
    room, both = Room(10), threading.Barrier(2, timeout=10)

    def work(amount):
        with room.taken(amount):
            return both.wait()  # the number of whoever comes, once both are there

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, [5, 5])) == [0, 1]


def test_what_wants_more_than_there_is_has_all_of_it_and_an_error_gives_it_back():
    room, had = Room(10), []

    def fail() -> None:
        with room.taken(99):
            had.append(99)
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    assert had == [99, 99]
