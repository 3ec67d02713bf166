import pickle
from dataclasses import asdict

import pytest

from wsss_core.data.records import Record, Records, line

CAT = Record("a/cat", "a/cat.jpg", (1, 3), 4, 6, "0")
DOG = Record("é", "é.jpg", (), 375, 500, "1")
RECORDS = Records([line(asdict(CAT)), line(asdict(DOG))])


def test_records_are_those_of_a_dict():
    assert dict(RECORDS) == {"a/cat": CAT, "é": DOG}
    assert RECORDS == {"a/cat": CAT, "é": DOG}
    assert (len(RECORDS), list(RECORDS)) == (2, ["a/cat", "é"])


@pytest.mark.parametrize("name", ["", "a", "a/cat2", "z", "éé"])
def test_there_is_no_record_of_another_id(name):
    assert name not in RECORDS
    with pytest.raises(KeyError):
        RECORDS[name]


def test_records_reach_another_process():
    assert pickle.loads(pickle.dumps(RECORDS)) == RECORDS


@pytest.mark.parametrize("other", [{"tags": None}, {"height": 4.0}, {"id": ""}, {"path": "\ud800"}])
def test_a_line_that_is_no_record_is_refused(other):
    with pytest.raises(ValueError, match="validation error"):
        Records([line(asdict(CAT) | other)])
