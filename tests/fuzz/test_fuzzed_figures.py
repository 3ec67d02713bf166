"""Curves of any numbers that a table can hold."""

import os
import warnings
from math import nan
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsss_core.report import figures
from wsss_core.report.text_tables import LARGEST, SMALLEST

pytestmark = pytest.mark.fuzz

EXAMPLES = int(os.environ.get("WSSS_FUZZ", "0")) // 200 or 3

large = st.floats(SMALLEST, LARGEST)
numbers = st.one_of(st.sampled_from([nan, 0.0, 0.5, SMALLEST, LARGEST, -LARGEST]), large, large.map(lambda x: -x))
KINDS = {
    "history": (("step", "lr", "tags", "$x_1$ <b>&", "reliable_share", "tags_raw"), figures.history_curve),
    "calibration": (("confidence", "precision"), lambda columns: figures.calibration_curve({"a": columns})),
    "moments": (("step", *figures.SNAPSHOT_SCORES), figures.snapshot_curve),
    "thresholds": (
        ("threshold", "miou"),
        lambda columns: figures.threshold_curve(columns["threshold"], columns["miou"], oracle=0.2),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_table_of_numbers_is_drawn(kind):
    names, draw = KINDS[kind]
    rows = st.lists(st.tuples(*[numbers] * len(names)), min_size=kind == "thresholds", max_size=4)

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(rows)
    def is_drawn(table: list) -> None:
        columns = {name: [row[place] for row in table] for place, name in enumerate(names)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # matplotlib's of numbers near the largest
            assert ElementTree.fromstring(draw(columns)).tag.endswith("svg")

    is_drawn()
