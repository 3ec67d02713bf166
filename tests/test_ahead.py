"""Work of threads beside the main one: order, limits, errors, ends."""

import threading
import time

import pytest

from wsss_core.runtime.ahead import ahead


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ahead")]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_items_come_in_the_order_of_their_sources_however_long_each_takes(threads):
    def make(number):
        time.sleep(0.02 * (number == 0))
        yield from (10 * number + part for part in range(number % 4))

    expected = [10 * number + part for number in range(20) for part in range(number % 4)]
    assert list(ahead(range(20), make, threads=threads)) == expected


def test_sources_are_made_beside_what_the_taker_does():
    both = threading.Barrier(2, timeout=10)  # passes only if two are made at once
    assert list(ahead(range(4), lambda number: [number, both.wait()][:1], threads=2)) == [0, 1, 2, 3]


def test_no_more_sources_are_taken_than_there_is_room_for():
    taken = []

    def sources():
        for number in range(100):
            taken.append(number)
            yield number

    items = ahead(sources(), lambda number: [number], threads=2)
    next(items)
    time.sleep(0.05)
    assert len(taken) <= 4
    items.close()


def test_a_source_of_many_items_runs_only_so_far_ahead():
    made = []

    def make(_):
        for number in range(100):
            made.append(number)
            yield number

    items = ahead(["video"], make, threads=1)
    assert next(items) == 0
    time.sleep(0.3)
    assert len(made) <= 5
    items.close()


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_in_its_turn_and_ends_the_threads(threads):
    def make(number):
        if number == 3:
            raise ValueError("the third")
        yield number

    items = ahead(range(1, 50), make, threads=threads)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)
    assert own_threads() == []


def test_who_stops_taking_ends_the_threads_even_those_that_wait_for_room():
    items = ahead(range(100), lambda number: iter([number] * 50), threads=3)
    next(items)
    items.close()
    assert own_threads() == []


def test_an_error_of_the_sources_themselves_is_raised():
    def sources():
        yield 1
        raise OSError("the list is gone")

    with pytest.raises(OSError, match="the list is gone"):
        list(ahead(sources(), lambda number: [number], threads=2))
    assert own_threads() == []


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_an_error_of_the_sources_comes_when_all_before_it_was_taken(threads):
    def sources():
        yield from range(5)
        raise KeyError("broken")

    def make(number):
        time.sleep(0.01)
        return [number]

    taken = []
    with pytest.raises(KeyError, match="broken"):
        list(map(taken.append, ahead(sources(), make, threads=threads)))
    assert taken == [0, 1, 2, 3, 4]
