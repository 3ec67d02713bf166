"""Presets: every one merges into valid parameters, leaves nothing of another, and is never changed."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from preset_files import FILES, NAMES, ROOT, flat, keys_of, values, with_every_key, wsss_preset
from ruamel.yaml import YAML

from wsss_core import presets
from wsss_core.params import ParamsError, load_params, validate
from wsss_core.presets import read_preset


def places(key: str, changed: Iterable[str]) -> bool:
    """Whether one of the changed keys is this one or lies inside it."""
    return any(other == key or other.startswith(f"{key}.") for other in changed)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_merges_into_valid_parameters_that_hold_its_values(params, name):
    shipped = flat(values(params.read_text()))
    result = wsss_preset("use", name)
    assert result.exit_code == 0, result.output
    load_params(params)
    merged, keys = flat(values(params.read_text())), keys_of(name)
    merged |= {key: {} for key in shipped if shipped[key] == {} and key not in merged}
    assert {key: merged[key] for key in keys} == keys
    untouched = {key: value for key, value in merged.items() if key not in keys}
    assert untouched == {key: value for key, value in shipped.items() if not places(key, keys)}


def test_a_preset_sets_its_own_keys_over_those_of_the_one_that_it_is_like(params):
    Path("presets/a.yaml").write_text("predict: {flip: false, crf: {iterations: 3}}\nrefine_crf: {iterations: 7}\n")
    Path("presets/b.yaml").write_text("like: a\npredict: {crf: {iterations: 4}}\nrefine_crf: {iterations: 8}\n")
    Path("presets/c.yaml").write_text("like: b\nseed: 2\npredict: {crf: null}\n")
    assert read_preset("b") == {"predict": {"flip": False, "crf": {"iterations": 4}}, "refine_crf": {"iterations": 8}}
    assert wsss_preset("use", "c").exit_code == 0
    merged = load_params(params)
    assert (merged.seed, merged.predict.flip, merged.predict.crf, merged.refine_crf.iterations) == (2, False, None, 8)


@pytest.mark.parametrize(
    ("like", "message"),
    [("b", "presets are like each other without an end: a -> b -> a; take one"), ("voc_12", "did you mean voc12?")],
)
def test_presets_that_are_like_nothing_are_told_and_change_nothing(params, like, message):
    before = params.read_bytes()
    Path("presets/a.yaml").write_text(f"like: {like}\n")
    Path("presets/b.yaml").write_text("like: a\n")
    result = wsss_preset("use", "a")
    assert result.exit_code == 2
    assert message in result.output
    assert params.read_bytes() == before


@pytest.mark.parametrize("name", FILES)
def test_a_preset_holds_only_what_differs(name):
    """Without any one of its keys, it would mean something else, or nothing."""
    with contextlib.chdir(ROOT):
        own = values(presets.text_of(name))
        like = own.pop("like", None)
        base = presets.over(presets.shipped(), read_preset(like) if like else {})
    whole = validate(presets.over(base, own), source=name)
    for place in flat(own):
        with contextlib.suppress(ParamsError):
            assert validate(presets.over(base, without(own, place)), source=name) != whole, f"{name} repeats {place}"


def without(keys: dict, place: str) -> dict:
    """Nested keys but for one, and for what would be empty then."""
    first, _, rest = place.partition(".")
    left = without(keys[first], rest) if rest else {}
    return {key: value for key, value in keys.items() if key != first} | ({first: left} if left else {})


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_leaves_nothing_of_another(params, name):
    wsss_preset("use", "scenes_tiny" if name.startswith("voc12") else "voc12_mini_saliency", "--set", "seed=7")
    wsss_preset("use", name)
    assert params.read_text(encoding="utf-8") == with_every_key(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_second_use_changes_nothing(params, name):
    wsss_preset("use", name)
    before = params.read_bytes()
    assert wsss_preset("use", name).output == "nothing changed\n"
    assert params.read_bytes() == before


def test_the_scenes_preset_leads_back_from_wherever_the_parameters_are(params):
    shipped = values(params.read_text())
    with params.open("w") as file:
        YAML(typ="safe").dump(with_every_value_changed(shipped), file)
    result = wsss_preset("use", "scenes")
    assert result.exit_code == 0, result.output
    assert typed(values(params.read_text())) == typed(shipped)


def typed(keys: dict) -> dict:
    """The flat keys with values of which 1 is not 1.0, as DVC sees it."""
    return {key: repr(value) for key, value in flat(keys).items()}


def with_every_value_changed(keys: dict) -> dict:
    """Each null now a mapping, as predict.crf may be, and all else a text."""
    return {
        key: with_every_value_changed(value) if isinstance(value, dict) else {"a": 1} if value is None else "changed"
        for key, value in keys.items()
    }


def test_the_help_says_that_all_other_values_are_the_shipped_ones():
    help_text = " ".join(wsss_preset("use", "--help").output.split())
    assert "all others as they are shipped" in help_text
    assert "`scenes` is the shipped parameters alone" in help_text


def test_a_use_tells_what_it_changes(params):
    result = wsss_preset("use", "scenes_tiny")
    assert "random_walk.log2_steps: 8 -> 4\n" in result.output
    assert len(result.output.splitlines()) <= len(keys_of("scenes_tiny"))


def test_an_unknown_preset_gets_the_nearest_name(params):
    result = wsss_preset("use", "scenes_tinny")
    assert result.exit_code == 2
    assert "no preset 'scenes_tinny'; did you mean scenes_tiny?" in result.output
    assert "known: " in wsss_preset("show", "zzzzzz").output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "the preset mine is no valid YAML (line 1: expected the node content, but found '<stream end>');"),
        ("seed: 2012-13-45", "the preset mine is no valid YAML (month must be in 1..12); correct its file in presets"),
        ("- seed", "the preset mine must hold a mapping of sections, not list"),
    ],
)
def test_a_preset_that_is_none_is_told_in_a_sentence(params, text, message):
    Path("presets/mine.yaml").write_text(text)
    result = wsss_preset("use", "mine")
    assert result.exit_code == 2
    assert message in result.output


def test_list_names_every_preset_with_its_first_line(params):
    lines = wsss_preset("list").output.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", FILES)
def test_show_prints_the_file(params, name):
    assert wsss_preset("show", name).output == (ROOT / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("params")
def test_a_folder_without_presets_says_where_to_run():
    shutil.rmtree("presets")
    result = wsss_preset("list")
    assert result.exit_code == 2
    assert "there is no folder presets here; run from the repository's root" in result.output


@pytest.mark.parametrize("kind", ["itself", "link"])
def test_a_preset_is_never_changed(params, kind):
    preset_file, target = Path("presets/voc12_mini.yaml"), Path("mine.yaml")
    before = preset_file.read_bytes()
    target.symlink_to(preset_file)
    result = wsss_preset("use", "voc12", "--params", str(preset_file if kind == "itself" else target))
    assert result.exit_code == 1
    assert "presets/voc12_mini.yaml is read here and would be replaced" in result.output
    assert preset_file.read_bytes() == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", [True, False])
def test_presets_apply_and_lead_back_after_an_experiment_rewrote_the_file(params, name, first):
    shipped = params.read_text()
    if first:
        wsss_preset("use", name)
    apply_overrides(str(params), ["random_walk.beta=3.5", "rrm.moments.num_images=2"])  # `dvc exp run -S`
    assert wsss_preset("use", name).exit_code == 0
    again = wsss_preset("use", "scenes")
    assert again.exit_code == 0, again.output
    assert values(params.read_text()) == values(shipped)
    assert len(params.read_text().splitlines()) == len(shipped.splitlines()), "lists are on one line again"
    assert "at: [0.05, 0.25, 0.5, 1.0] # shares of the run\n" in params.read_text()


def test_the_saliency_preset_of_voc12_mini_differs_in_what_uses_saliency_alone():
    keys, base = keys_of("voc12_mini_saliency"), keys_of("voc12_mini")
    changed = {key for key in keys | base if keys.get(key) != base.get(key)}
    assert {key.partition(".")[0] for key in changed} <= {"saliency", "fuse", "ssnet", "auxsegnet"}
    assert keys["saliency.method"] == "u2netp"


def test_presets_that_are_not_here_are_no_broken_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(presets, "INSTALLED", tmp_path / "none")
    with pytest.raises(ParamsError, match=r"^there is no folder presets here; run from the repository's root$"):
        read_preset("voc12_mini")
