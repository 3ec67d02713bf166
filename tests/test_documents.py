"""Files that README and the documents name are there."""

import re

import pytest
from pages import commands_of
from test_pages import PAGES

from wsss_core.code_digest import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|yaml|md))[`:]")
NAMED = re.compile(r"`((?:[\w-]+/)+[\w-]+\.py): (\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
"""What a link names that leads to no other site."""
RUN_ELSEWHERE = {
    "adding_a_method.md": "test_adding_a_method.py",
    "labels.md": "test_corrected_labels.py",
    "results.md": "nowhere: hours, and the figures are their results",
}
"""What runs the commands of pages that are not in PAGES."""
NEW = "seed_expand"
"""The method that docs/adding_a_method.md adds."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_source_file_that_a_document_names_is_there(document):
    named = {path for path in PATH.findall(document.read_text(encoding="utf-8")) if NEW not in path}
    missing = [path for path in sorted(named) if not any((ROOT / base / path).exists() for base in ("", "wsss_core"))]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_function_or_class_that_a_document_names_behind_a_file_is_in_it(document):
    for path, name in set(NAMED.findall(document.read_text(encoding="utf-8"))):
        file = next(ROOT / base / path for base in ("", "wsss_core") if (ROOT / base / path).exists())
        assert re.search(rf"^(def|class) {name}\b", file.read_text(encoding="utf-8"), re.MULTILINE), f"{path}: {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_of_commands_is_run_by_a_test_or_says_why_not(document):
    if document.name not in RUN_ELSEWHERE:
        assert commands_of(document) == [] or document.name in PAGES, "give it a row in tests/test_pages.py"


WITH_LINKS = [*DOCUMENTS, ROOT / "data/README.md"]


@pytest.mark.parametrize("document", WITH_LINKS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_link_within_the_repository_leads_somewhere(document):
    for path, _, place in (link.partition("#") for link in LINK.findall(document.read_text(encoding="utf-8"))):
        target = (document.parent / path) if path else document
        assert target.exists(), f"{path} is not there"
        if place:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, place
