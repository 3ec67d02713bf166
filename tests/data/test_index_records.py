import pickle
from dataclasses import asdict

import pytest

from wsss_core.data.index import Record, Records

CAT = Record("a/cat", "a/cat.jpg", (1, 3), 4, 6, "0")
DOG = Record("é", "é.jpg", (), 375, 500, "1")


@pytest.fixture
def records() -> Records:
    taken = Records()
    for record in (CAT, DOG):
        taken.take(asdict(record))
    return taken


def test_records_are_those_of_a_dict(records):
    assert dict(records) == {"a/cat": CAT, "é": DOG}
    assert records == {"a/cat": CAT, "é": DOG}
    assert (len(records), list(records)) == (2, ["a/cat", "é"])


@pytest.mark.parametrize("name", ["", "a", "a/cat2", "z", "éé"])
def test_there_is_no_record_of_another_id(records, name):
    assert name not in records
    with pytest.raises(KeyError):
        records[name]


def test_records_reach_another_process(records):
    assert pickle.loads(pickle.dumps(records)) == records


def test_what_is_no_record_is_left_as_it_is(records):
    other = {"train": ["a"]}
    assert records.take(other) is other
    assert len(records) == 2


@pytest.mark.parametrize("other", [{"tags": None}, {"height": 4.0}, {"id": ""}, {"path": "\ud800"}])
def test_a_record_with_another_value_is_refused(records, other):
    with pytest.raises(ValueError, match="validation error"):
        records.take(asdict(CAT) | other)
