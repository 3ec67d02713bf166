"""Figures do not depend on how many processes count them."""

import pytest

from wsss_core.evaluation import counting


@pytest.mark.parametrize("chunk", [2, 4])
def test_any_number_of_processes_gives_the_same_bytes(pipeline, monkeypatch, chunk):
    before = pipeline.run("evaluate").artifacts()
    monkeypatch.setattr(counting, "CHUNK", chunk)
    pipeline.environment["WSSS_WORKERS"] = "2"
    assert pipeline.run("evaluate").artifacts() == before
