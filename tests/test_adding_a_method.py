"""docs/adding_a_method.md: the files that it shows make a method, with nothing else changed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from clone import Clone, copy_sources, sources
from workspace import ROOT

pytestmark = pytest.mark.graphs

PAGE = ROOT / "docs/adding_a_method.md"
BLOCK = re.compile(r"^`(\S+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = "seed_expand"
SMALLEST = (
    "dataset.scenes={num_train: 6, num_val: 3, num_saliency: 3, height: 64, width: 80}",
    "train_cam.epochs=1",
    f"{NAME}={{batch: 4, epochs: 1, augment: {{crop: 64}}, moments: {{at: [0.5, 1.0], num_images: 2}}}}",
)


def files_of_the_page() -> dict[str, str]:
    """Path -> text of each file that the page shows."""
    return dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of the repository with the page's method, whose graph ran."""
    made = Clone(tmp_path_factory.mktemp("adding") / "wsss")
    copy_sources(made.folder)
    made.before = {name: (made.folder / name).read_bytes() for name in sources()}
    for name, text in files_of_the_page().items():
        assert not (made.folder / name).exists(), f"{name} is one of the repository's own"
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made.folder / name).write_text(text, encoding="utf-8")
    made.run("wsss", "preset", "use", "scenes_tiny", *(f"--set={setting}" for setting in SMALLEST))
    made.run("git", "init", "--quiet")
    made.stages = made.stages_run_by("dvc", "repro", f"pipelines/{NAME}/dvc.yaml")
    return made


def test_a_method_is_its_own_files_and_a_section_of_params(clone):
    folders = {f"wsss_core/methods/{NAME}", f"pipelines/{NAME}"}
    assert {Path(name).parent.as_posix() for name in files_of_the_page()} == folders
    changed = {name for name, content in clone.before.items() if (clone.folder / name).read_bytes() != content}
    assert changed == {"params.yaml"}
    written = (clone.folder / "params.yaml").read_text(encoding="utf-8")
    assert keys_of(written) == [*keys_of(clone.before["params.yaml"].decode()), NAME]


def keys_of(params: str) -> list[str]:
    """The keys at the top of a params.yaml."""
    return re.findall(r"^(\w+):", params, re.MULTILINE)


def test_its_graph_runs_with_what_it_needs_and_nothing_more(clone):
    assert clone.stages == {"prepare", "train_cam", *(f"pipelines/{NAME}/dvc.yaml:{stage}" for stage in
                            ("train", "predict", "evaluate", "report"))}  # fmt: skip
    assert (clone.folder / "reports" / f"{NAME}.html").stat().st_size > 0
    assert clone.stages_run_by("dvc", "repro", f"pipelines/{NAME}/dvc.yaml") == set()


def test_the_comparison_lists_it(clone):
    assert re.search(r"^seed and expand  .*  I$", clone.run("wsss", "compare"), re.MULTILINE)


def test_other_methods_depend_on_nothing_of_it(clone):
    for digests in (clone.folder / "data/digests/code").iterdir():
        assert (NAME in digests.read_text(encoding="utf-8")) == digests.name.endswith(NAME), digests.name


@pytest.mark.parametrize("tests", [("tests/test_graph.py",), ("tests/methods/test_contract.py", "-k", NAME)], ids=str)
def test_it_passes_the_tests_of_the_structure_and_the_contract(clone, tests):
    output = clone.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests)
    assert re.search(r"\d+ passed", output)
