"""The arithmetic of `python -m benchmarks.scale`; the stages themselves run when it is called."""

import pytest

from benchmarks.scale import exponent, slope, table
from wsss_core.trials.steps import Cost


def costs(*seconds: float) -> dict:
    return {count: {"walk": Cost(taken, 10**9, 0)} for count, taken in zip((100, 1000, 10000), seconds, strict=True)}


def test_a_step_that_makes_something_of_each_image_is_linear_whatever_it_takes_to_start():
    linear = costs(5 + 1, 5 + 10, 5 + 100)
    assert exponent(linear, "walk") == pytest.approx(1)
    assert slope(linear, "walk") == pytest.approx(0.01)


def test_a_step_that_compares_all_images_with_each_other_shows():
    assert exponent(costs(0.01, 1, 100), "walk") > 1.8


def test_the_table_has_a_line_of_times_and_one_of_memory():
    head, times, memory = table(costs(6, 15, 105)).splitlines()
    assert head.split() == ["100", "1,000", "10,000", "exponent", "ms", "each"]
    assert times.split() == ["walk", "6.0", "s", "15.0", "s", "105.0", "s", "1.00", "10.0"]
    assert memory.split() == ["1.00", "GB"] * 3
