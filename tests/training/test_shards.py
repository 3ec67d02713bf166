"""An array of jobs: each makes its shard, and gathering them gives what one run gives."""

import json
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from shard_stage import IDS, INPUT, OUT, PARAMS, SCRIPT, main, write
from workspace import error_message

import wsss_core
from wsss_core import artifacts
from wsss_core.cli.gather import gather
from wsss_core.runtime import locks
from wsss_core.runtime.environment import Shard


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(wsss_core.__file__).parents[1]), str(SCRIPT.parent)]))
    monkeypatch.setattr("sys.orig_argv", ["python3", str(SCRIPT), "--method", "rrm"])
    for name in ("WSSS_SHARD", "WSSS_RESUME_DIR"):
        monkeypatch.delenv(name, raising=False)
    artifacts.write_text(INPUT, "first")
    artifacts.write_text(PARAMS, "2")


@pytest.fixture
def shard(monkeypatch):
    """shard("1/2") runs one, and shard("") all that is left."""

    def run(text: str, work=write) -> None:
        monkeypatch.setenv("WSSS_SHARD", text)
        main(work)
        monkeypatch.delenv("WSSS_SHARD")

    return run


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def refusal(*folders: str) -> str:
    return error_message(CliRunner().invoke(gather, folders), code=1)


def test_gathered_shards_are_byte_for_byte_what_one_run_makes(tmp_path, shard):
    shard("")
    whole = files()
    for number in (2, 3, 1):
        shard(f"{number}/3")
    OUT.rename(tmp_path / "whole")
    told = CliRunner().invoke(gather)
    assert told.exit_code == 0, told.output
    assert told.output.strip().endswith("data/names: 5 images")
    assert files() == whole
    assert not (tmp_path / ".wsss").exists()


def test_a_missing_shard_is_named_with_the_command_that_makes_it(shard):
    shard("1/3")
    shard("3/3")
    assert refusal().endswith(
        f"data/names lacks 2 of 5 results (image1, image4): run `WSSS_SHARD=2/3 python {SCRIPT} --method rrm`,"
        " then gather again"
    )
    assert not OUT.exists()


def test_a_run_without_a_shard_goes_on_from_all_shards(shard):
    made = []
    shard("1/3")
    shard("", work=lambda image_id, folder: made.append(image_id) or write(image_id, folder))
    assert sorted(made) == ["image1", "image2", "image4"]
    assert len(files()) == len(IDS) + 1


def test_more_shards_than_images_are_no_error(shard):
    for number in range(1, 8):
        shard(f"{number}/7")
    assert CliRunner().invoke(gather).exit_code == 0
    assert len(files()) == len(IDS) + 1


@pytest.mark.parametrize(("file", "what"), [(INPUT, "inputs"), (PARAMS, "parameters")])
def test_shards_of_what_was_are_not_gathered(shard, file, what):
    before = file.read_text()
    shard("1/1")
    artifacts.write_text(file, "second")
    assert f"were made with other {what} than it has now: put those back, or delete" in refusal("data/names")
    assert not OUT.exists()
    artifacts.write_text(file, before)
    assert CliRunner().invoke(gather).exit_code == 0


def test_shards_of_other_code_are_not_gathered(shard):
    shard("1/1")
    (record,) = Path(".wsss").glob("*/*/whole.json")
    content = artifacts.read_json(record)
    artifacts.write_json(record, {**content, "made": {**content["made"], "code": {"wsss_core/voc.py": "before"}}})
    assert "were made with other code than it has now" in refusal()


def test_shards_of_another_device_and_of_other_packages_are_gathered(shard):
    shard("1/1")
    (record,) = Path(".wsss").glob("*/*/whole.json")
    content = artifacts.read_json(record)
    made = {**content["made"], "device": "cuda", "precision": "bf16-mixed", "packages": {"torch": "1"}}
    artifacts.write_json(record, {**content, "made": made})
    assert CliRunner().invoke(gather).exit_code == 0


def test_of_shards_of_several_parameters_those_of_now_are_gathered(shard):
    shard("1/2")
    artifacts.write_text(PARAMS, "3")
    shard("2/2")
    artifacts.write_text(PARAMS, "2")
    shard("2/2")
    artifacts.write_text(PARAMS, "3")
    assert "lacks 3 of 5 results" in refusal()
    artifacts.write_text(PARAMS, "2")
    assert CliRunner().invoke(gather).exit_code == 0
    assert {files()[f"{image_id}.txt"][-1:] for image_id in IDS} == {b"2"}
    assert "were made with other parameters" in refusal()


@pytest.mark.parametrize(
    "change",
    [{"shards": 0}, {"shards": "x"}, {"ids": [3]}, {"ids": None}, {"suffix": 3}, {"made": None},
     {"made": {}}, {"more": 1}, None],
)  # fmt: skip
def test_a_damaged_record_says_to_run_the_shards_again(shard, change):
    shard("1/1")
    (record,) = Path(".wsss").glob("*/*/whole.json")
    text = record.read_text()
    record.write_text(text[:50] if change is None else json.dumps(json.loads(text) | change))
    assert refusal().endswith(f"{record} is damaged; delete {record.parent} and run the shards again")


@pytest.mark.parametrize("out", ["models/cam", "../elsewhere"])
def test_a_record_cannot_lead_the_files_elsewhere(tmp_path, shard, out):
    shard("1/1")
    (record,) = Path(".wsss").glob("*/*/whole.json")
    artifacts.write_json(record, artifacts.read_json(record) | {"out": out})
    assert f"does not make {out}" in refusal()
    assert not (tmp_path / out).exists()


def test_only_the_folders_that_are_named_are_gathered(shard):
    shard("1/1")
    message = error_message(CliRunner().invoke(gather, ["data/cam"]), code=2)
    assert "no shard of data/cam is there; those of" in message
    assert CliRunner().invoke(gather, ["data/names"]).exit_code == 0


def test_without_shards_there_is_nothing_to_gather():
    assert "run a stage with WSSS_SHARD=1/16" in error_message(CliRunner().invoke(gather), code=2)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [(Shard(1, 2), Shard(2, 2), True), (Shard(1, 2), Shard(1, 2), False), (None, Shard(1, 2), False),
     (Shard(1, 2), None, False), (None, None, False)],
)  # fmt: skip
def test_shards_go_together_and_with_nothing_else(tmp_path, monkeypatch, first, second, together):
    monkeypatch.setattr(locks, "_PROBE_SECONDS", 0.1)
    with locks.held(tmp_path / "key", first):
        if together:
            with locks.held(tmp_path / "key", second):
                pass
        else:
            with pytest.raises(locks.HeldError, match="process"), locks.held(tmp_path / "key", second):
                pass
    assert list(tmp_path.glob("*.lock")) == []


def test_a_whole_run_beside_a_shard_is_refused(monkeypatch, shard):
    def work(image_id, folder):
        monkeypatch.setenv("WSSS_SHARD", "")
        with pytest.raises(click.ClickException, match="another run"):
            main()
        write(image_id, folder)

    shard("1/5", work=work)
