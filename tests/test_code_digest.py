"""What a stage's code is: everything it imports, known by what it does and not by how it is written."""

import shutil
from pathlib import Path

import pytest

from wsss_core import code_digest
from wsss_core.models.build import NETWORKS, module_of_network
from wsss_core.training.provenance import Provenance


@pytest.fixture
def sources(tmp_path, monkeypatch) -> Path:
    """A copy of the sources, which the digests are now of."""
    for package in code_digest.PACKAGES:
        shutil.copytree(code_digest.ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (code_digest._tree, code_digest._imports, code_digest._digest):
        cached.cache_clear()


def key(*modules: str) -> dict:
    forget()
    return Provenance.of(modules).key


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_stage_s_code_is_the_same_wherever_it_lies(sources):
    here = code_digest.digests("stages.refine_crf")
    code_digest.ROOT = Path(__file__).parents[1]
    forget()
    assert code_digest.digests("stages.refine_crf") == here


def test_all_that_is_imported_counts_directly_or_not_and_nothing_else():
    files = code_digest.digests("stages.refine_crf")
    assert {"stages/refine_crf.py", "wsss_core/ops/lattice.py", "wsss_core/artifacts.py"} < set(files)
    assert "wsss_core/training/distribution.py" in files, "imported inside a function"
    assert not [name for name in files if name.startswith(("wsss_core/losses", "wsss_core/report", "stages/fuse"))]


def test_sections_are_left_out_for_their_values_are_params():
    assert "wsss_core/sections.py" not in code_digest.digests("stages.refine_crf")
    assert Path("wsss_core/sections.py") in code_digest.reachable(Path("stages/refine_crf.py"))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("MAX = 8", "MAX = 9", False),
        ("return x + MAX", "return x - MAX", False),
        ("return x + MAX", "return x + MAX  # eight more", True),
        ("return x + MAX", "return (\n        x + MAX\n    )", True),
        ('"""Adds."""', '"""Adds the maximum."""', True),
        ('    """Adds."""\n', "", True),
        ('"""Of all."""', "'''The largest.'''", True),
        ('"""A module."""', '"""Another."""', True),
        ('TEXT = "a"', 'TEXT = "b"', False),
    ],
)
def test_a_digest_tells_what_code_does_and_not_how_it_is_written(sources, old, new, same):
    module = sources / "wsss_core/tiny.py"
    module.write_text(
        '"""A module."""\nMAX = 8\n"""Of all."""\nTEXT = "a"\n\n\ndef f(x):\n    """Adds."""\n    return x + MAX\n'
    )
    before = key("wsss_core.tiny")
    edit(module, old, new)
    assert (key("wsss_core.tiny") == before) == same


def test_a_changed_loss_changes_the_key_of_what_it_trains_and_of_nothing_else(sources):
    trained, inferred = key("stages.train_cam"), key("stages.infer_cam")
    edit(sources / "wsss_core/losses/classification.py", "return", "return 2 *")
    assert key("stages.train_cam") != trained
    assert key("stages.infer_cam") == inferred


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_changed_network_changes_the_key_of_what_uses_it_and_of_no_other(sources, kind):
    def keys() -> dict[str, dict]:
        forget()
        return {other: Provenance.of(["stages.train_joint", module_of_network(other)]).key for other in NETWORKS}

    before = keys()
    path = sources / code_digest.path_of(module_of_network(kind))
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    after = keys()
    assert {other for other in NETWORKS if after[other] != before[other]} == {kind}


def test_a_changed_method_changes_the_key_of_its_training(sources):
    before = {name: key("stages.train_joint", f"wsss_core.methods.{name}") for name in ("ssnet", "auxsegnet")}
    path = sources / "wsss_core/methods/ssnet.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    assert key("stages.train_joint", "wsss_core.methods.ssnet") != before["ssnet"]
    assert key("stages.train_joint", "wsss_core.methods.auxsegnet") == before["auxsegnet"]


def test_the_packages_that_compute_are_those_that_the_code_imports():
    network = code_digest.packages("stages.infer_cam", "wsss_core.models.cam_network")
    assert {"torch", "timm", "numpy", "pillow"} <= set(network)
    arrays = code_digest.packages("stages.fuse")
    assert {"numpy", "pillow"} <= set(arrays)
    assert not {"torch", "timm", "click", "pydantic", "tqdm"} & set(arrays)


def test_an_optional_package_that_is_not_there_is_told_from_every_version(sources):
    (sources / "wsss_core/tiny.py").write_text("def f():\n    import nowhere_to_be_found\n")
    assert code_digest.packages("wsss_core.tiny") == {"nowhere_to_be_found": "absent"}


def test_a_relative_import_is_refused(sources):
    (sources / "wsss_core/tiny.py").write_text("from . import voc\n")
    with pytest.raises(ValueError, match="tiny.py imports relatively; write the full name"):
        code_digest.digests("wsss_core.tiny")


def test_a_module_of_others_is_refused():
    with pytest.raises(ValueError, match="numpy is no module of this project"):
        code_digest.digests("numpy")


def test_the_module_of_a_file_is_the_same_when_it_runs_as_main():
    assert code_digest.module_of(str(code_digest.ROOT / "stages/refine_crf.py")) == "stages.refine_crf"
