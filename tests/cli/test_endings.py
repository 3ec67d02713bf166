"""How a command ends: a sentence and an exit code for errors and signals alike, and the traceback for who asks."""

import errno
import os
import signal
import statistics
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wsss_core import artifacts
from wsss_core.frame.stage import telling_errors
from wsss_core.params import ParamsError
from wsss_core.runtime import interruption
from wsss_core.runtime.pool import map_in_order


@pytest.fixture(autouse=True)
def quiet(monkeypatch) -> None:
    monkeypatch.delenv("WSSS_DEBUG", raising=False)
    monkeypatch.setenv("WSSS_WORKERS", "2")


def end(work):
    """The result of a command that does this work."""
    return CliRunner().invoke(click.command("work")(telling_errors(work)), [])


def raising(error: BaseException):
    def work() -> None:
        raise error

    return work


def refused_by_us() -> None:
    artifacts.read_json(Path("data/index/index.json"))


@pytest.mark.parametrize("signum", interruption.SIGNALS)
def test_a_signal_ends_it_with_a_sentence_and_its_exit_code(signum):
    result = end(lambda: signal.raise_signal(signum))
    assert result.exit_code == 128 + signum
    assert result.output == (
        f"Stopped by {signum.name}; run the same command again, and a stage goes on where it was\n"
    )


def test_a_signal_that_was_lost_ends_it_all_the_same():
    def work() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    assert end(work).exit_code == 128 + signal.SIGTERM


def test_an_error_that_a_signal_leads_to_is_told_as_the_signal():
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")

    assert end(work).exit_code == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ParamsError("params.yaml has 1 error"), 2, "params.yaml has 1 error"),
        (click.UsageError("data/cam holds no finished output; run `dvc repro infer_cam` first"), 2, "data/cam holds"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/a.png"), 1, "out/a.png: No space left on device; free"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "out/a.png"), 1, "free some of your quota"),
        (MemoryError(), 1, "this machine's memory is full; end"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.png"), 1, "too many files are open; raise the limit"),
    ],
)
def test_errors_are_told_in_a_sentence_and_shown_whole_on_request(monkeypatch, error, code, sentence):
    result = end(raising(error))
    assert result.exit_code == code
    assert sentence in result.output
    assert "Traceback" not in result.output
    monkeypatch.setenv("WSSS_DEBUG", "1")
    shown = end(raising(error))
    assert shown.exit_code == code
    traceback, marker, rest = shown.output.rpartition("Error: ")
    assert marker and sentence in rest
    assert "Traceback (most recent call last)" in traceback and "in work" in traceback


def test_an_error_of_ours_shows_its_traceback_on_request(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    plain = end(refused_by_us).output
    assert plain.startswith("Error: data/index/index.json is missing; run")
    monkeypatch.setenv("WSSS_DEBUG", "1")
    shown = end(refused_by_us).output
    assert "in refused_by_us" in shown
    assert shown.endswith(f"\n{plain}")


def test_an_error_out_of_another_process_shows_that_processs_traceback_on_request(monkeypatch, tmp_path):
    below = [tmp_path / "missing" / name for name in "ab"]
    monkeypatch.setenv("WSSS_DEBUG", "1")
    shown = end(lambda: list(map_in_order(os.mkdir, below, workers=2)))
    assert shown.exit_code == 1
    assert "_RemoteTraceback" in shown.output
    assert "No such file or directory; put it there or correct the path" in shown.output


def test_what_is_nobodys_error_keeps_its_traceback_and_an_exit_its_code():
    result = end(raising(statistics.StatisticsError("no data")))
    assert isinstance(result.exception, statistics.StatisticsError)
    assert end(raising(click.exceptions.Exit(3))).exit_code == 3


@pytest.mark.parametrize("value", ["", "0", " 0 "])
def test_debugging_is_off_where_it_is_empty_or_0(monkeypatch, value):
    monkeypatch.setenv("WSSS_DEBUG", value)
    assert "Traceback" not in end(raising(MemoryError())).output
