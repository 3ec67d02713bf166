"""An array of jobs: each makes its shard, and gathering them gives what one run gives."""

import pytest
from click.testing import CliRunner
from workspace import error_message

from wsss_core import artifacts
from wsss_core.cli.gather import gather
from wsss_core.code_digest import Code
from wsss_core.runtime import locks, per_image
from wsss_core.runtime.environment import Shard
from wsss_core.runtime.journal import InUseError

IDS = [f"image{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("WSSS_SHARD", "WSSS_RESUME_DIR"):
        monkeypatch.delenv(name, raising=False)
    artifacts.write_text(tmp_path / "input.txt", "first")


def write(image_id: str, folder) -> None:
    artifacts.write_text(folder / f"{image_id}.txt", f"result of {image_id}")


def run(folder, shard: str = "", *, monkeypatch, work=write) -> None:
    monkeypatch.setenv("WSSS_SHARD", shard)
    per_image.run(
        IDS, per_image.each(work), stage="name", code=Code("wsss_core.voc"), out=folder / "data/names", suffix=".txt",
        params={"beta": 2, "sizes": (1, 2)}, inputs=[folder / "input.txt"], sizes=lambda _: (2, 2),
    )  # fmt: skip
    monkeypatch.delenv("WSSS_SHARD")


def files(folder) -> dict:
    return {path.name: path.read_bytes() for path in (folder / "data/names").iterdir()}


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """shard("1/2") runs one."""
    return lambda text, **options: run(tmp_path, text, monkeypatch=monkeypatch, **options)


def test_gathered_shards_are_byte_for_byte_what_one_run_makes(tmp_path, monkeypatch, shard):
    run(tmp_path, monkeypatch=monkeypatch)
    whole = files(tmp_path)
    for number in (2, 3, 1):
        shard(f"{number}/3")
    (tmp_path / "data/names").rename(tmp_path / "whole")
    told = CliRunner().invoke(gather)
    assert told.exit_code == 0, told.output
    assert told.output.strip().endswith("data/names: 5 images")
    assert files(tmp_path) == whole
    assert not (tmp_path / ".wsss").exists()


def test_a_missing_shard_is_named_with_the_command_that_makes_it(tmp_path, monkeypatch, shard):
    monkeypatch.setattr("sys.orig_argv", ["python3", "-m", "stages.name", "--method", "rrm"])
    shard("1/3")
    shard("3/3")
    message = error_message(CliRunner().invoke(gather), code=1)
    assert message.endswith(
        "data/names lacks 2 of 5 results (image1, image4): run `WSSS_SHARD=2/3 python -m stages.name --method rrm`,"
        " then gather again"
    )
    assert not (tmp_path / "data/names").exists()


def test_a_run_without_a_shard_goes_on_from_all_shards(tmp_path, monkeypatch, shard):
    made = []
    shard("1/3")
    run(tmp_path, monkeypatch=monkeypatch, work=lambda i, folder: made.append(i) or write(i, folder))
    assert sorted(made) == ["image1", "image2", "image4"]
    assert len(files(tmp_path)) == len(IDS) + 1


def test_more_shards_than_images_are_no_error(tmp_path, shard):
    for number in range(1, 8):
        shard(f"{number}/7")
    assert CliRunner().invoke(gather).exit_code == 0
    assert len(files(tmp_path)) == len(IDS) + 1


def test_shards_of_other_inputs_are_not_gathered(tmp_path, shard):
    shard("1/1")
    artifacts.write_text(tmp_path / "input.txt", "second")
    message = error_message(CliRunner().invoke(gather), code=1)
    assert message.endswith("input.txt) changed since; run all its shards again")


def test_only_the_folders_that_are_named_are_gathered(tmp_path, shard):
    shard("1/1")
    message = error_message(CliRunner().invoke(gather, ["data/cam"]), code=2)
    assert "no shard of data/cam is there; those of" in message
    assert CliRunner().invoke(gather, [str(tmp_path / "data/names")]).exit_code == 0


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


def test_a_whole_run_beside_a_shard_is_refused(tmp_path, monkeypatch, shard):
    def work(image_id, folder):
        with pytest.raises(InUseError, match="another run"):
            run(tmp_path, monkeypatch=monkeypatch)
        write(image_id, folder)

    shard("1/5", work=work)
