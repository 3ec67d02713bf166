"""Run lengths of COCO and of Label Studio, both ways."""

import numpy as np
import pytest
from sets import random_map

from wsss_core.data.formats.coco_masks import decode_runs
from wsss_core.exchange.runs import brush_bytes, coco_counts, read_brush


def test_coco_counts_down_the_columns_and_begins_with_zeros():
    assert coco_counts(np.array([[0, 1], [0, 1], [1, 0]], dtype=bool)) == [2, 3, 1]
    assert coco_counts(np.array([[1, 1]], dtype=bool)) == [0, 2]
    assert coco_counts(np.array([[0, 0]], dtype=bool)) == [2]


def test_a_brush_is_the_bits_that_its_format_asks_for():
    bits = "".join([
        f"{8:032b}", "00111", "0010", "0011", "0111", "1111",  # 8 values of 8 bits; widths 3, 4, 8, 16
        "1", "00", "011", "00000000",  # a run of 4 zeros: one pixel
        "1", "00", "011", "11111111",  # and one that is set
    ])  # fmt: skip
    size = len(bits) // 8 + 1
    expected = int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    assert bytes(brush_bytes(np.array([[False, True]]))) == expected


def test_long_runs_are_split_and_come_back():
    mask = np.zeros((150, 200), dtype=bool)
    mask[10:140] = True
    np.testing.assert_array_equal(read_brush(bytes(brush_bytes(mask)), height=150, width=200), mask)


def test_single_values_are_read_as_well_as_runs():
    bits = f"{8:032b}" + "00111" + "0010001101111111" + "0" + "00" + "111" + "0" * 32 + "1" * 32
    size = -(-len(bits) // 8)
    data = int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    assert read_brush(data, height=1, width=2).tolist() == [[False, True]]


def test_both_give_back_random_masks(rng):
    for _ in range(40):
        mask = random_map(rng, *rng.integers(1, 30, 2)) == 1
        height, width = mask.shape
        np.testing.assert_array_equal(decode_runs(coco_counts(mask), height=height, width=width), mask)
        np.testing.assert_array_equal(read_brush(bytes(brush_bytes(mask)), height=height, width=width), mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [(lambda data: data[:-4], "breaks off"), (lambda data: b"", "breaks off"),
     (lambda data: b"\0\0\0\1" + data[4:], "is of 0 pixels, not of 5 x 6")],
)  # fmt: skip
def test_a_broken_brush_is_told(change, message):
    mask = np.eye(5, 6, dtype=bool)
    with pytest.raises(ValueError, match=message):
        read_brush(change(bytes(brush_bytes(mask))), height=5, width=6)
