"""Weights that their publisher offers with a digest: fetched once, and used only if they are the same bytes."""

from __future__ import annotations

import hashlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import torch

from wsss_core import artifacts

logger = logging.getLogger(__name__)

TIMEOUT = 60
"""Seconds without a byte until a download is given up."""


@dataclass(frozen=True)
class Published:
    """A file on the web.

    Attributes:
        url: where it lies.
        md5: what its publisher says of it.
        cited: where the publisher says so.
        page: of the network's authors, for those who fetch weights by hand.
        licence: of the weights.
    """

    url: str
    md5: str
    cited: str
    page: str
    licence: str


_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
_AUTHORS = "https://github.com/xuebinqin/U-2-Net"
SALIENCY = {
    "u2net": Published(
        f"{_RELEASE}/u2net.onnx", "60024c5c889badc19c04ad937298a77b", "rembg/sessions/u2net.py of danielgatis/rembg",
        _AUTHORS, "Apache-2.0",
    ),
    "u2netp": Published(
        f"{_RELEASE}/u2netp.onnx", "8e83ca70e441ab06c318d82300c84806", "rembg/sessions/u2netp.py of danielgatis/rembg",
        _AUTHORS, "Apache-2.0",
    ),
}  # fmt: skip
"""The exports that rembg publishes: the authors' own files lie behind links without a digest."""


def fetch(name: str, published: Published) -> Path:
    """Where a published file lies on this machine; fetched if it does not, below `torch.hub.get_dir()`.

    Raises:
        ValueError: it cannot be fetched, or is not the file that was published; says what to do.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / published.url.rpartition("/")[2]
    by_hand = f"fetch {name}'s weights by hand ({published.page}) and set saliency.weights to their path"
    if path.is_file():
        _expect(path, published, remedy=f"delete it, or {by_hand}")
        return path
    logger.info(
        "fetching %s to %s; licence of the weights: %s (%s)", published.url, path, published.licence, published.page
    )
    with artifacts.atomic(path) as temporary:
        try:
            with urlopen(published.url, timeout=TIMEOUT) as response, temporary.open("wb") as file:
                shutil.copyfileobj(response, file)
        except OSError as error:
            if error.filename is not None:  # the disk's fault, which atomic tells
                raise
            raise ValueError(f"{published.url} cannot be fetched ({error}); {by_hand}") from error
        _expect(temporary, published, remedy=f"try again, or {by_hand}", called=published.url)
    return path


def _expect(path: Path, published: Published, *, remedy: str, called: str = "") -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != published.md5:
        raise ValueError(
            f"{called or path} is not the file that was published: its MD5 is {found}, {published.cited} says"
            f" {published.md5}; {remedy}"
        )
