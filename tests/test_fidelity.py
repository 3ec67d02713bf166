"""docs/fidelity.md has every deviation that the code and the presets mark."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MARK = "DEVIATION"
TOLD = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
MARKED = sorted(
    path.relative_to(ROOT).as_posix()
    for folder, suffix in (("wsss_core", "py"), ("stages", "py"), ("presets", "yaml"))
    for path in (ROOT / folder).rglob(f"*.{suffix}")
    if MARK in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("file", MARKED)
def test_a_file_that_deviates_stands_in_the_table_with_its_reason(file):
    rows = [row for row in TOLD.splitlines() if row.startswith("|") and f"`{file.removeprefix('wsss_core/')}`" in row]
    assert rows, f"{file} has a {MARK}: give it a row, or a place in one, in docs/fidelity.md"


def test_the_table_names_no_file_without_a_deviation():
    named = {part for row in TOLD.splitlines() if row.startswith("|") for part in row.split("`") if "/" in part}
    named = {name for name in named if name.endswith((".py", ".yaml"))}
    assert named <= {file.removeprefix("wsss_core/") for file in MARKED}
