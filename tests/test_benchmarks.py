"""The measuring of the benchmarks: what a row says, and that claims are found by name."""

import pytest
import torch
from click.testing import CliRunner

from benchmarks import measure
from benchmarks.__main__ import CLAIMS, main
from benchmarks.measure import Floor, compare, threads

CPU = torch.device("cpu")


def test_both_ways_are_warmed_up_then_measured_in_turn(monkeypatch):
    calls = []
    clock = iter([0, 1, 1, 4, 4, 6, 6, 10, 10, 13, 13, 15])  # ours 1, 2, 3 s; the reference 3, 4, 2 s
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(measure, "ceilings", lambda device, threads: (2.0, 8.0))
    row = compare("x", lambda: calls.append("a"), lambda: calls.append("b"), agreement="equal", size="1",
                  floor=Floor(gigabytes=1, gigaflops=2), device=CPU, repeats=3)  # fmt: skip
    assert "".join(calls) == "ab" * 4
    assert (row.ours_s, row.reference_s, row.ratio) == (2, 3, 1.5)
    assert row.floor_s == 0.5  # a gigabyte at 2 GB/s takes longer than 2 Gflop at 8 Gflop/s


def test_a_row_is_what_the_report_of_benchmarks_promises():
    row = compare("x", list, list, agreement="equal", size="1", floor=Floor(), device=CPU, repeats=1)
    promised = {"name", "ours_s", "reference_s", "ratio", "agreement", "size", "device"}
    assert promised <= set(row.as_dict())


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_an_unknown_claim_is_named_with_the_known_ones():
    result = CliRunner().invoke(main, ["crf_vs_nothing"])
    assert result.exit_code == 2
    assert "no claim is called crf_vs_nothing; there are crf_vs_pydensecrf" in result.output


@pytest.mark.parametrize("name", ["threshold_sweep"])
def test_a_claim_runs_by_name_and_leaves_the_report_of_all_alone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [name, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert name in CLAIMS
    assert name in result.output
    assert not list(tmp_path.iterdir())
