"""Short digests by which files and values are known again."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

_blake2b = partial(hashlib.blake2b, digest_size=16)


def file_digest(path: Path) -> str:
    """A digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _blake2b).hexdigest()


def bytes_digest(content: bytes) -> str:
    """What `file_digest` says of a file with this content."""
    return _blake2b(content).hexdigest()


def digest_of(content: object) -> str:
    """A short digest of a JSON-like value, the same for the same value in every process."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
