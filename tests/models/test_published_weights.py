"""Weights fetched from where they were published, here files on this machine."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from wsss_core.models import published_weights
from wsss_core.models.published_weights import SALIENCY, fetch

WEIGHTS = b"weights"
CACHED = Path("checkpoints/u2netp.onnx")


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The folder where fetched weights lie."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub"


def offered(folder: Path, content: bytes = WEIGHTS):
    """What the publisher offers, with the digest of WEIGHTS."""
    (folder / "u2netp.onnx").write_bytes(content)
    digest = hashlib.md5(WEIGHTS, usedforsecurity=False).hexdigest()
    return replace(SALIENCY["u2netp"], url=(folder / "u2netp.onnx").as_uri(), md5=digest)


def test_a_file_is_fetched_once_and_its_licence_told(tmp_path, hub, monkeypatch, caplog):
    published = offered(tmp_path)
    with caplog.at_level(logging.INFO):
        path = fetch("u2netp", published)
    assert path == hub / CACHED and path.read_bytes() == WEIGHTS
    assert "Apache-2.0" in caplog.text and published.url in caplog.text
    monkeypatch.setattr(published_weights, "urlopen", None)  # whoever opens anything now fails
    assert fetch("u2netp", published) == path


def test_other_bytes_are_refused_and_not_kept(tmp_path, hub):
    with pytest.raises(ValueError, match=r"u2netp\.onnx is not the file that was published: .*set saliency\.weights"):
        fetch("u2netp", offered(tmp_path, b"something else"))
    assert not list((hub / "checkpoints").iterdir())


def test_a_kept_file_that_changed_is_refused(tmp_path, hub):
    (hub / "checkpoints").mkdir(parents=True)
    (hub / CACHED).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"u2netp\.onnx is not the file that was published: .*; delete it, or"):
        fetch("u2netp", offered(tmp_path))


def test_without_a_network_the_way_by_hand_is_told(tmp_path, hub):
    gone = replace(SALIENCY["u2netp"], url=(tmp_path / "gone.onnx").as_uri())
    with pytest.raises(
        ValueError, match=r"gone\.onnx cannot be fetched .*by hand \(https://github.com/xuebinqin/U-2-Net\)"
    ):
        fetch("u2netp", gone)
    assert not list((hub / "checkpoints").iterdir())


def test_every_published_file_has_a_digest_a_citation_and_a_licence():
    for name, published in SALIENCY.items():
        assert published.url.endswith(f"/{name}.onnx")
        assert len(published.md5) == 32 and name in published.cited and published.licence == "Apache-2.0"
