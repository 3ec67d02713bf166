"""Whatever stands in a file: it is read, or refused in a sentence by a documented error. Nothing else happens.

By default each reader gets a few dozen broken inputs and every field every value of `mutations.VALUES`. For more:

    WSSS_FUZZ=20000 python -m pytest tests/fuzz -s        # prints how many of each reader's inputs ended how
"""

import os
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import mutations
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from intake_readers import INTAKE_READERS
from label_readers import LABEL_READERS
from readers import READERS, Reader, completed

pytestmark = pytest.mark.fuzz

EXAMPLES = int(os.environ.get("WSSS_FUZZ", "0"))
FEW = 40
PART = 1000
"""Inputs that hypothesis draws at once: it keeps in memory what it drew."""
SECONDS = 20
"""No input of some hundred bytes takes longer, on a busy machine."""
OURS = ("wsss_core", "stages")


@dataclass(frozen=True)
class Broken:
    """A file's bytes, which hypothesis shows in part."""

    content: bytes

    def __repr__(self) -> str:
        return f"Broken({self.content[:3000]!r}, {len(self.content)} bytes)"


@st.composite
def broken_files(draw: st.DrawFn, inputs: st.SearchStrategy[bytes]) -> Broken:
    """A broken file, whose text does not say how it was made: that of a model would be megabytes."""
    return Broken(draw(inputs))


ALL = READERS | LABEL_READERS | INTAKE_READERS


@pytest.fixture(params=ALL)
def reader(request) -> Reader:
    return completed(ALL[request.param])


def outcome(reader: Reader, folder: Path, content: bytes) -> str:
    """`read`, or the name of the documented error; anything else is raised."""
    path = folder / reader.file
    path.write_bytes(content)
    begun = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's and torch's own words on what they read
            reader.read(folder)
        return "read"
    except ValueError as error:
        if not is_documented(error, path):
            raise
        return type(error).__name__
    finally:
        path.unlink()
        assert time.monotonic() - begun < SECONDS


def is_documented(error: ValueError, path: Path) -> bool:
    """Whether this project raised it, as an error of its own or by the file's name, in words that can be printed."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    message = str(error)
    is_own = type(error).__module__.startswith(OURS) or (type(error) is ValueError and path.name in message)
    return is_own and frame.f_globals["__name__"].startswith(OURS) and 0 < len(message.encode()) < 5000


@pytest.fixture
def folder(reader: Reader, tmp_path: Path) -> Path:
    reader.prepare(tmp_path)
    (tmp_path / reader.file).parent.mkdir(parents=True, exist_ok=True)
    return tmp_path


def test_the_sound_file_is_read(reader, folder):
    assert outcome(reader, folder, reader.content) == "read"


@pytest.mark.parametrize("name", [name for name, reader in ALL.items() if reader.tree is not None])
def test_any_value_in_any_field_is_read_or_refused(name, tmp_path):
    reader = ALL[name]
    reader.prepare(tmp_path)
    (tmp_path / reader.file).parent.mkdir(parents=True, exist_ok=True)
    values = mutations.TEXTS if isinstance(reader.tree, list) else mutations.VALUES
    found = list(mutations.places(reader.tree))
    ended = {
        outcome(reader, tmp_path, reader.write(mutations.replaced(reader.tree, place, value)))
        for place in found[:: max(1, len(found) * len(values) * reader.slow // (EXAMPLES or 600))]
        for value in values
    }
    assert ended, "no field was found to replace"


def test_any_input_is_read_or_refused(request, reader, folder, capsys):
    name = request.node.callspec.params["reader"]
    outcomes: Counter[str] = Counter()
    inputs = mutations.damaged(reader.content)
    if reader.tree is not None:
        values = mutations.TEXTS if isinstance(reader.tree, list) else mutations.VALUES
        broken = mutations.trees(reader.tree, values).map(reader.write)
        inputs = st.one_of(inputs, broken, broken.flatmap(mutations.damaged))

    def read_or_refuse(broken: Broken) -> None:
        outcomes[outcome(reader, folder, broken.content)] += 1

    count = EXAMPLES or max(2, FEW // reader.slow)
    for part, first in enumerate(range(0, count, PART)):
        limits = settings(
            max_examples=min(PART, count - first), deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        seed(part)(limits(given(broken_files(inputs))(read_or_refuse)))()
    assert outcomes.total() > 1, "hardly an input was shown"
    if EXAMPLES:
        with capsys.disabled():
            ended = ", ".join(f"{count} {kind}" for kind, count in outcomes.most_common())
            print(f"{name:<22} {outcomes.total():>7} inputs: {ended}", flush=True)
