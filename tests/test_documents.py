"""Files that README and the documents name are there."""

import re

import pytest

from wsss_core.code_digest import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|yaml|md))[`:]")
NEW = "seed_expand"
"""The method that docs/adding_a_method.md adds."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_source_file_that_a_document_names_is_there(document):
    named = {path for path in PATH.findall(document.read_text(encoding="utf-8")) if NEW not in path}
    missing = [path for path in sorted(named) if not any((ROOT / base / path).exists() for base in ("", "wsss_core"))]
    assert missing == []
