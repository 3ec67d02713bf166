"""Presets: every one merges into valid parameters, comments survive, errors leave the file alone."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from wsss_core.cli.preset import _set, merge, preset, read_preset
from wsss_core.params import ParamsError, load_params

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture
def params(tmp_path, monkeypatch) -> Path:
    """params.yaml of a copy of the repository's parameters and presets, which is the working directory."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def wsss_preset(*arguments: str) -> Result:
    return CliRunner().invoke(preset, arguments)


def values(text: str) -> dict:
    return YAML(typ="safe").load(text) or {}


def flat(keys: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    items = {}
    for key, value in keys.items():
        items.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return items


def places(key: str, changed: Iterable[str]) -> bool:
    """Whether one of the changed keys is this one or lies inside it."""
    return any(other == key or other.startswith(f"{key}.") for other in changed)


def comments(text: str) -> list[str]:
    """Every comment of a YAML text; no value of ours holds a #."""
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def keys_of(name: str) -> dict:
    with contextlib.chdir(ROOT):
        return flat(read_preset(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_merges_into_valid_parameters_that_hold_its_values(params, name):
    shipped = flat(values(params.read_text()))
    result = wsss_preset("use", name)
    assert result.exit_code == 0, result.output
    load_params(params)
    merged, keys = flat(values(params.read_text())), keys_of(name)
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


@pytest.mark.parametrize("name", NAMES)
def test_comments_survive_every_preset(params, name):
    before = comments(params.read_text())
    assert len(before) > 50
    wsss_preset("use", name)
    assert comments(params.read_text()) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_second_use_changes_nothing(params, name):
    wsss_preset("use", name)
    before = params.read_bytes()
    assert wsss_preset("use", name).output == "nothing changed\n"
    assert params.read_bytes() == before


@pytest.mark.parametrize("name", [name for name in NAMES if name != "scenes"])
def test_the_scenes_preset_leads_back_from_every_other_byte_by_byte(params, name):
    shipped = params.read_text()
    wsss_preset("use", name)
    assert values(params.read_text()) != values(shipped)
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


def test_quotes_that_a_value_needed_go_with_it(params):
    shipped = params.read_text()
    wsss_preset("use", "scenes", "--set", "dataset.root=/a b/#c: d")
    assert values(params.read_text())["dataset"]["root"] == "/a b/#c: d"
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


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


@pytest.mark.parametrize("name", NAMES)
def test_lists_and_mappings_stay_on_one_line(params, name):
    lines = len(params.read_text().splitlines())
    wsss_preset("use", name)
    assert len(params.read_text().splitlines()) == lines


def test_comments_that_a_longer_value_had_pushed_come_back(params):
    shipped = params.read_text()
    longer = "a/rather/long/path/of/a/data/set"
    wsss_preset("use", "scenes", "--set", f"dataset.root={longer}", "--set", "fuse.dual_xor.cam_threshold=0.25")
    assert f"root: {longer} # the data set's folder" in params.read_text()
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


def test_the_help_says_that_presets_mix_and_how_to_start_clean():
    help_text = " ".join(wsss_preset("use", "--help").output.split())
    assert "mix" in help_text
    assert "`wsss preset use scenes` first" in help_text


def test_a_use_tells_what_it_changes(params):
    result = wsss_preset("use", "scenes_tiny")
    assert "random_walk.log2_steps: 8 -> 4\n" in result.output
    assert len(result.output.splitlines()) <= len(keys_of("scenes_tiny"))


def test_further_keys_can_be_set_and_are_read_as_yaml(params):
    result = wsss_preset("use", "scenes_tiny", "--set", "random_walk.beta=3.5", "--set", "dataset.root=my set/é=1")
    assert result.exit_code == 0, result.output
    assert load_params(params).random_walk.beta == 3.5
    assert load_params(params).dataset.root == "my set/é=1"


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("/tmp/ph #1", "/tmp/ph #1"),
        ("/tmp/a: b", "/tmp/a: b"),
        (" C:\\new ", "C:\\new"),
        ("@photographs", "@photographs"),
        ("{a", "{a"),
        ("2012-13-45", "2012-13-45"),
        ('"2012"', "2012"),
        ("'it''s # one'", "it's # one"),
        ('"caf\\u00e9"', "café"),
        ("'a': b", "'a': b"),
        ('"a" #1', '"a" #1'),
    ],
)
def test_text_is_taken_as_it_stands_unless_it_is_quoted(params, written, root):
    result = wsss_preset("use", "scenes_tiny", "--set", f"dataset.root={written}")
    assert result.exit_code == 0, result.output
    assert load_params(params).dataset.root == root


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("infer_cam.scales=[1.0, 2]", [1.0, 2]),
        ("dataset.classes=[a, 'b #1']", ["a", "b #1"]),
        ("train_cam.augment={crop: 96, flip: no}", {"crop": 96, "flip": "no"}),
        ("dataset.labels=null", None),
        ("dataset.labels=", None),
        ("train_cam.epochs=1e-1", 0.1),
        ("predict.flip=false", False),
    ],
)
def test_all_but_text_is_read_as_yaml(setting, value):
    keys: dict = {}
    _set(keys, setting)
    section, *_, key = setting.partition("=")[0].split(".")
    assert keys == {section: {key: value}}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("random_walk.betta=3", "random_walk.betta: unknown key; did you mean `beta`?"),
        ("random_walk.beta=-3", "random_walk.beta: Input should be greater than 0 (got -3)"),
        ("random_walk.beta", "--set wants KEY=VALUE, not 'random_walk.beta'"),
    ],
)
def test_a_setting_that_breaks_the_model_leaves_the_file_as_it_was(params, setting, message):
    before = params.read_bytes()
    result = wsss_preset("use", "scenes_tiny", "--set", setting)
    assert result.exit_code == 2
    assert message in result.output
    assert params.read_bytes() == before


def test_an_unknown_preset_gets_the_nearest_name(params):
    result = wsss_preset("use", "scenes_tinny")
    assert result.exit_code == 2
    assert "no preset 'scenes_tinny'; did you mean scenes_tiny?" in result.output
    assert "known: " in wsss_preset("show", "zzzzzz").output


def test_list_names_every_preset_with_its_first_line(params):
    lines = wsss_preset("list").output.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_show_prints_the_file(params, name):
    assert wsss_preset("show", name).output == (ROOT / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("params")
def test_a_folder_without_presets_says_where_to_run():
    shutil.rmtree("presets")
    result = wsss_preset("list")
    assert result.exit_code == 2
    assert "there is no folder presets here; run from the repository's root" in result.output


def test_merging_keeps_quotes_and_puts_a_mapping_where_there_was_none(params):
    params.write_text(params.read_text().replace("root: data/raw/scenes ", 'root: "data/raw/scenes" '))
    crf = {
        "engine": "pydensecrf", "iterations": 1, "gaussian_sxy": 1.0, "gaussian_weight": 3.0,
        "bilateral_sxy": 67.0, "bilateral_srgb": 3.0, "bilateral_weight": 4.0,
    }  # fmt: skip
    merge(params, {"predict": {"crf": crf}}, source="test")
    assert '"data/raw/scenes"' in params.read_text()
    assert "  crf: {engine: pydensecrf, iterations: 1, " in params.read_text()
    assert load_params(params).predict.crf.model_dump() == crf
    merge(params, {"predict": {"crf": None}}, source="test")
    assert load_params(params).predict.crf is None
    assert "crf: null" in params.read_text()


@pytest.mark.parametrize("kind", ["itself", "link"])
def test_a_preset_is_never_changed(params, kind):
    preset_file, target = Path("presets/scenes.yaml"), Path("mine.yaml")
    before = preset_file.read_bytes()
    target.symlink_to(preset_file)
    result = wsss_preset("use", "voc12", "--params", str(preset_file if kind == "itself" else target))
    assert result.exit_code == 1
    assert "presets/scenes.yaml is read here and would be replaced" in result.output
    assert preset_file.read_bytes() == before


def test_a_missing_params_file_is_told(params):
    result = wsss_preset("use", "scenes", "--params", "no.yaml")
    assert result.exit_code == 1
    assert result.output == "Error: no.yaml is missing; put it there or correct the path\n"


def test_a_merge_into_a_missing_file_says_so(tmp_path):
    with pytest.raises((ParamsError, ValueError), match=r"params\.yaml is missing; put it there"):
        merge(tmp_path / "params.yaml", {"seed": 1}, source="test")


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
