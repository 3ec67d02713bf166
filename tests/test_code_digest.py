"""What a stage's code is: everything it imports, known by what it does and not by how it is written."""

import ast
import json
import shutil
from pathlib import Path

import pytest
from import_graph import reachable

from wsss_core import code_digest, registry
from wsss_core.code_digest import Code, of_stage
from wsss_core.runtime.provenance import Provenance


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
    for cached in (code_digest._facts, code_digest.direct, code_digest.path_of):
        cached.cache_clear()


def key(module: str, method: str | None = None, detector: str | None = None) -> dict:
    forget()
    return Provenance.of(Code(module, method, detector)).key


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_stage_s_code_is_the_same_wherever_it_lies(sources):
    here = Code("stages.refine_crf").digests()
    code_digest.ROOT = Path(__file__).parents[1]
    forget()
    assert Code("stages.refine_crf").digests() == here


def test_all_that_is_imported_counts_directly_or_not_and_nothing_else():
    files = Code("stages.refine_crf").digests()
    assert {"stages/refine_crf.py", "wsss_core/ops/lattice.py", "wsss_core/artifacts.py"} < set(files)
    assert "wsss_core/runtime/devices.py" in files, "imported inside a function"
    assert not [name for name in files if name.startswith(("wsss_core/losses", "wsss_core/report", "stages/fuse"))]


def test_sections_are_left_out_for_their_values_are_params():
    assert "wsss_core/sections/labels.py" not in Code("stages.refine_crf").digests()
    assert Path("wsss_core/sections/labels.py") in reachable(Path("stages/refine_crf.py"))


def test_what_only_says_which_code_counts_is_followed_no_further():
    """Nor is a package's description."""
    files = Code("stages.random_walk").digests()
    assert Path("wsss_core/registry.py") in reachable(Path("stages/random_walk.py"))
    assert not {"wsss_core/registry.py", "wsss_core/methods/__init__.py"} & set(files)
    assert "wsss_core/registry.py" in Code("stages.predict", method="deeplab").digests(), "which asks it itself"


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


def change(sources: Path, file: str) -> None:
    path = sources / file
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")


def keys(module: str) -> dict[str, dict]:
    """The key of what a module makes for each method that `stages.train_joint` trains."""
    return {method: key(module, method) for method in registry.names("recipe")}


@pytest.mark.parametrize("part", ["network", "recipe"])
@pytest.mark.parametrize("method", registry.names("recipe"))
def test_a_changed_part_of_a_method_changes_the_key_of_its_training_and_of_no_other(sources, method, part):
    before = keys("stages.train_joint")
    change(sources, f"wsss_core/methods/{method}/{part}.py")
    after = keys("stages.train_joint")
    assert {other for other in before if after[other] != before[other]} == {method}


def test_a_prediction_depends_on_the_network_and_not_on_how_it_was_trained(sources):
    before = keys("stages.predict")
    change(sources, "wsss_core/methods/ssnet/recipe.py")
    assert keys("stages.predict") == before
    change(sources, "wsss_core/methods/ssnet/network.py")
    assert {method for method, now in keys("stages.predict").items() if now != before[method]} == {"ssnet"}


def test_what_bears_no_method_s_name_is_a_deeplab(sources):
    files = Code("stages.predict", method="rrm_two_step").digests()
    assert "wsss_core/methods/deeplab/network.py" in files
    assert not [file for file in files if file.startswith("wsss_core/methods/rrm")]


def test_a_detector_depends_on_its_own_file_and_on_no_other_s(sources):
    def of_detectors() -> dict[str, dict]:
        return {name: key("stages.saliency", detector=name) for name in (*registry.detectors(), "u2net")}

    before = of_detectors()
    change(sources, "wsss_core/ops/saliency/detectors/mbd_plus.py")
    after = of_detectors()
    assert {name for name in before if after[name] != before[name]} == {"mbd_plus", "mean"}


def test_a_lookup_of_what_the_command_does_not_name_is_refused():
    with pytest.raises(ValueError, match="stages.predict needs a method or a detector, for .*trained.py looks one up"):
        Code("stages.predict").digests()


def test_a_part_whose_name_is_not_written_out_is_refused(sources):
    (sources / "wsss_core/tiny.py").write_text("from wsss_core import registry\n\nregistry.part('rrm', 'a' + 'b')\n")
    with pytest.raises(ValueError, match="tiny.py:3 asks for a part that is not written out"):
        key("wsss_core.tiny", method="rrm")


def test_the_packages_that_compute_are_those_that_the_code_imports():
    network = Code("stages.infer_cam").packages()
    assert {"torch", "timm", "numpy", "pillow"} <= set(network)
    arrays = Code("stages.fuse").packages()
    assert {"numpy", "pillow"} <= set(arrays)
    assert not {"torch", "timm", "click", "pydantic", "tqdm"} & set(arrays)


def test_an_optional_package_that_is_not_there_is_told_from_every_version(sources):
    (sources / "wsss_core/tiny.py").write_text("def f():\n    import nowhere_to_be_found\n")
    assert Code("wsss_core.tiny").packages() == {"nowhere_to_be_found": "absent"}


@pytest.fixture
def kept(sources, monkeypatch) -> dict:
    """What a process that looked at one stage's sources remembers, with none of it in memory any more."""
    monkeypatch.setattr(code_digest, "_recalled", {})
    monkeypatch.setattr(code_digest, "_found", {})
    Code("stages.fuse").digests()
    kept = json.loads(json.dumps(code_digest.remembered()))
    forget()
    return kept


def test_what_is_recalled_is_not_parsed_again_and_is_the_same(kept, monkeypatch):
    before = Code("stages.fuse").digests()
    forget()
    code_digest.recall(kept)
    monkeypatch.setattr(ast, "parse", lambda source: pytest.fail("parsed again"))
    assert Code("stages.fuse").digests() == before


def test_changed_sources_are_parsed_whatever_was_recalled(kept, sources):
    before = Code("stages.fuse").digests()
    edit(sources / "wsss_core/ops/fusion/soft.py", "return", "return 2 *")
    forget()
    code_digest.recall(kept)
    after = Code("stages.fuse").digests()
    assert {file for file in after if after[file] != before[file]} == {"wsss_core/ops/fusion/soft.py"}


def test_nothing_is_recalled_of_another_version(kept):
    code_digest.recall({**kept, "version": "other"})
    assert code_digest._recalled == {}


def test_sources_that_are_no_more_are_forgotten(kept, sources):
    code_digest.recall(kept)
    edit(sources / "stages/fuse.py", "import", "import  ")
    code_digest._found.clear()
    Code("stages.fuse").digests()
    assert len(code_digest.remembered()["facts"]) == len(kept["facts"])


def test_a_relative_import_is_refused(sources):
    (sources / "wsss_core/tiny.py").write_text("from . import voc\n")
    with pytest.raises(ValueError, match="tiny.py imports relatively; write the full name"):
        Code("wsss_core.tiny").digests()


def test_a_module_of_others_is_refused():
    with pytest.raises(ValueError, match="numpy is no module of this project"):
        Code("numpy").digests()


def test_the_module_of_a_file_is_the_same_when_it_runs_as_main():
    assert of_stage(str(code_digest.ROOT / "stages/refine_crf.py")) == Code("stages.refine_crf")
