"""Artifacts and DVC's memory of runs, shared over a folder and over a store that speaks S3."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clone import Clone, copy_sources, keep_stages

pytestmark = pytest.mark.graphs

BUCKET = "wsss"
KEYS = {"access_key_id": "someone", "secret_access_key": "a secret", "region": "us-east-1"}
STAGES = ("digests", "prepare", "saliency")
"""What needs no network; the graph ends with it."""
MAPS = "data/saliency"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose shortened graph has run, committed."""
    made = Clone(tmp_path_factory.mktemp("remotes") / "wsss")
    copy_sources(made.folder)
    keep_stages(made.folder, STAGES)
    made.run("wsss", "preset", "use", "scenes_tiny")
    made.run("git", "init", "--quiet")
    made.run("dvc", "repro")
    made.run("git", "add", "--all")
    made.run("git", "commit", "--quiet", "--message", "Run")
    return made


@pytest.fixture
def in_a_folder(clone: Clone, tmp_path: Path) -> Clone:
    clone.run("dvc", "remote", "add", "--local", "--force", "--default", "store", str(tmp_path / "store"))
    return clone


@pytest.fixture
def over_s3(clone: Clone) -> Iterator[Clone]:
    """A server on this machine with the same interface as Amazon's."""
    pytest.importorskip("dvc_s3", reason="dvc-s3, which speaks S3, is not installed")
    server = pytest.importorskip("moto.server", reason="moto, the server of this test, is not installed")
    import boto3

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    try:
        boto3.client("s3", endpoint_url=address, region_name=KEYS["region"], aws_access_key_id=KEYS["access_key_id"],
                     aws_secret_access_key=KEYS["secret_access_key"]).create_bucket(Bucket=BUCKET)  # fmt: skip
        clone.run("dvc", "remote", "add", "--local", "--force", "--default", "store", f"s3://{BUCKET}/wsss")
        for key, value in {"endpointurl": address, **KEYS}.items():
            clone.run("dvc", "remote", "modify", "--local", "store", key, value)
        yield clone
    finally:
        running.stop()


@pytest.mark.parametrize("kind", ["in_a_folder", "over_s3"])
def test_who_clones_gets_every_artifact_and_runs_nothing(kind, request, tmp_path):
    clone: Clone = request.getfixturevalue(kind)
    clone.run("dvc", "push", "--run-cache", "dvc.yaml")
    other = cloned(clone, tmp_path / "other")
    other.run("dvc", "pull", "--run-cache", "--allow-missing", "dvc.yaml")
    assert maps(other) == maps(clone)
    assert not other.stages_run_by("dvc", "repro")
    assert maps(other) == maps(clone)


@pytest.mark.parametrize(("kind", "num_train"), [("in_a_folder", 9), ("over_s3", 10)])
def test_what_another_has_run_is_not_run_again(kind, num_train, request, tmp_path):
    """A run that was never committed: what DVC remembers of it is shared, and its artifacts."""
    clone: Clone = request.getfixturevalue(kind)
    clone.run("wsss", "preset", "use", "scenes_tiny", f"--set=dataset.scenes.num_train={num_train}")
    changed = (clone.folder / "params.yaml").read_bytes()
    assert clone.stages_run_by("dvc", "repro") == {"prepare", "saliency"}
    made = maps(clone)
    clone.run("dvc", "push", "--run-cache")
    clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")

    other = cloned(clone, tmp_path / "other")
    (other.folder / "params.yaml").write_bytes(changed)
    other.run("dvc", "fetch", "--run-cache", "dvc.yaml")
    assert not other.stages_run_by("dvc", "repro", "--pull", "--allow-missing")
    assert maps(other) == made


def cloned(clone: Clone, folder: Path) -> Clone:
    """What `git clone` brings, and the settings of the remote."""
    subprocess.run(["git", "clone", "--quiet", clone.folder, folder], check=True)
    shutil.copy2(clone.folder / ".dvc/config.local", folder / ".dvc")
    return Clone(folder)


def maps(clone: Clone) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (clone.folder / MAPS).iterdir()}
