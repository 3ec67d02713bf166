"""The manifest: a digest a file, one for all, and what is no longer as a stage wrote it is named."""

import re
from pathlib import Path

import pytest

from wsss_core import artifacts, manifests
from wsss_core.artifacts import ArtifactError


def manifest_of(folder, files: dict[str, bytes], order=1, **changes) -> dict:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    manifests.write(folder, **{"stage": "s", "params": {"a": 1}, "names": list(files)[::order], **changes})
    return artifacts.read_json(folder / artifacts.MANIFEST)


def test_a_manifest_counts_the_files_and_names_the_stage(tmp_path):
    manifest = manifest_of(tmp_path, {"a.png": b"1", "sub/b.png": b"2"}, stage="random_walk")
    assert (manifest["stage"], manifest["count"]) == ("random_walk", 2)


def test_a_manifest_stands_for_names_and_bytes_and_not_for_their_order(tmp_path):
    files = {"a.png": b"1", "sub/b.png": b"2"}
    found = [
        manifest_of(tmp_path / "1", files)["content"],
        manifest_of(tmp_path / "2", files, order=-1)["content"],
        manifest_of(tmp_path / "3", {"a.png": b"1", "sub/b.png": b"3"})["content"],
        manifest_of(tmp_path / "4", {"a.png": b"1", "sub/c.png": b"2"})["content"],
        manifest_of(tmp_path / "5", {"a.png": b"2", "sub/b.png": b"1"})["content"],
    ]
    assert found[0] == found[1]
    assert len(set(found)) == 4


FILES = {"a.png": b"1", "sub/b.png": b"2", "c.png": b"3"}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The pseudo-labels of RRM, finished."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/pseudo_labels/rrm")
    manifest_of(folder, FILES, stage="pseudo-labels rrm")
    return folder


def test_a_folder_as_it_was_written_has_the_digest_of_its_files(folder):
    assert manifests.check(folder) == manifests.read(folder)["content"]


def test_hidden_files_of_other_programs_are_passed_over(folder):
    before = manifests.check(folder)
    (folder / ".DS_Store").write_bytes(b"")
    assert manifests.check(folder) == before


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda folder: (folder / "a.png").write_bytes(b"0"), "1 changed (FOLDER/a.png)"),
        (lambda folder: (folder / "a.png").unlink(), "1 missing (FOLDER/a.png)"),
        (lambda folder: (folder / "d.png").write_bytes(b"0"), "1 foreign (FOLDER/d.png)"),
        (
            lambda folder: (folder / "a.png").rename(folder / "d.png"),
            "1 missing (FOLDER/a.png), 1 foreign (FOLDER/d.png)",
        ),
    ],
)
def test_what_is_no_longer_as_it_was_written_is_named_with_the_remedy(folder, change, difference):
    change(folder)
    difference = difference.replace("FOLDER", str(folder))
    is_not = f"{folder} is not what pseudo-labels rrm wrote: of 3 files {difference}, by damage or by hand"
    message = f"{is_not}; `chmod -R u+w"
    with pytest.raises(ArtifactError, match=re.escape(message)):
        manifests.check(folder)


def test_a_map_that_was_changed_by_hand_is_told_with_the_way_to_bring_it_in(folder):
    (folder / "a.png").write_bytes(b"0")
    with pytest.raises(ArtifactError, match=f"to go on with label maps that you changed, run `wsss adopt {folder}`"):
        manifests.check(folder)


def test_every_byte_of_every_file_counts(folder):
    for name, content in FILES.items():
        (folder / name).write_bytes(bytes([content[0] ^ 1]))
        with pytest.raises(ArtifactError, match=f"1 changed .{folder}/{name}."):
            manifests.check(folder)
        (folder / name).write_bytes(content)
    manifests.check(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"count": 3', '"count": 2', "is damaged, or was changed by hand"),
        ('"content": "', '"content": "0', "is damaged, or was changed by hand"),
        ('"a.png"', '"e.png"', "is damaged, or was changed by hand"),
        ("{", "", "cannot be read"),
        ('"stage": "p', '"stage": "q', "is damaged, or was changed by hand"),
        ('"digest"', '"sum"', "is damaged, or of an earlier version of this software, which kept no digest"),
    ],
)  # fmt: skip
def test_a_manifest_that_was_changed_is_told(folder, old, new, message):
    path = folder / artifacts.MANIFEST
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ArtifactError, match=f"manifest.json {message}.*dvc repro pipelines/rrm/dvc.yaml"):
        manifests.check(folder)


def test_a_folder_without_files_is_empty_and_one_without_a_manifest_is_not_finished(tmp_path, folder):
    manifests.write(tmp_path / "none", stage="s", params={}, names=[])
    assert manifests.is_empty(tmp_path / "none")
    assert not manifests.is_empty(folder)
    assert not manifests.is_empty(tmp_path / "nowhere")


def supervised(folder, kind: str) -> None:
    folder.mkdir()
    (folder / "a.png").write_bytes(b"1")
    manifests.write(folder, stage="s", params={}, names=["a.png"], supervised_by=kind)


def test_supervision_is_the_strongest_of_the_manifests_beside_or_in_what_is_named(tmp_path):
    supervised(tmp_path / "labels", "I")
    supervised(tmp_path / "model", "I+S")
    (tmp_path / "index.json").write_text("{}")
    assert manifests.supervision_of() == manifests.supervision_of(tmp_path / "index.json", tmp_path / "labels") == "I"
    assert manifests.supervision_of(tmp_path / "labels", tmp_path / "model/a.png") == "I+S"


@pytest.mark.parametrize("kind", ["S", ["I"], None])
def test_a_manifest_of_no_known_supervision_is_refused_with_its_folder(tmp_path, kind):
    supervised(tmp_path / "labels", kind)
    with pytest.raises(artifacts.ArtifactError, match=f"manifest.json .*`dvc repro` makes {tmp_path / 'labels'}"):
        manifests.supervision_of(tmp_path / "labels")
