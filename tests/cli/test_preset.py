"""Presets: every one merges into valid parameters, comments survive, errors leave the file alone."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from wsss_core import presets
from wsss_core.cli.preset import preset, set_key
from wsss_core.params import Params, ParamsError, load_params, validate
from wsss_core.params_file import comments_of, written
from wsss_core.presets import read_preset

ROOT = Path(__file__).parents[2]
FILES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))
NAMES = sorted([*FILES, "scenes"])


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


def with_every_key(name: str) -> str:
    """What `wsss preset use` writes where there is no file yet."""
    with contextlib.chdir(ROOT):
        return written(presets.params_with(read_preset(name), source=name))


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


def test_the_shipped_file_is_what_the_command_writes():
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == written(Params()), \
        "delete it and run `wsss preset use scenes`"


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


def texts_of(text: str) -> set[str]:
    """The comments of a file."""
    found = comments_of(text)
    return {comment for part in (found.above, found.beside) for comments in part.values() for comment in comments}


OWN = """# mine: the first line
format: 1
# of the run in May
seed: 0                      # a lucky one

dataset:
  # on the other disk
  root: "/disk/#1" # where 'they' lie: here
train_cam:
  augment: {crop: 96} # smaller
  # two of a kind
  # in a row
rrm:
  moments:
    at:
      - 0.5 # once
# the end
"""


def test_comments_of_the_users_own_stay_at_their_keys_and_those_of_the_classes_are_not_repeated(params):
    params.write_text(OWN)
    assert wsss_preset("use", "voc12").exit_code == 0
    lines = params.read_text(encoding="utf-8").splitlines()
    for first, second in (
        ("# mine: the first line", "format: 1                    # of this file"),
        ("# of the run in May", "seed: 0                      # a lucky one"),
        ("  # on the other disk", "  root: data/raw/VOC2012     # where 'they' lie: here"),
        ("# two of a kind", "# in a row"),
    ):
        assert lines[lines.index(first) + 1] == second
    assert "  augment:                   # smaller" in lines
    assert "    at: [0.05, 0.25, 0.5, 1.0] # once" in lines
    assert lines[-1] == "# the end"
    own, shipped = texts_of("\n".join(lines)), texts_of(with_every_key("scenes"))
    assert len(own - shipped) == 10
    assert shipped - own == {"the data set's folder", "shares of the run"}
    before = params.read_bytes()
    assert wsss_preset("use", "voc12").output == "nothing changed\n"
    assert params.read_bytes() == before


def test_a_comment_of_a_key_that_is_no_more_goes_to_the_end(params):
    params.write_text(params.read_text() + "betta: 3 # tried in June\n")
    assert "betta: 3 -> removed, since there is no such key\n" in wsss_preset("use", "scenes").output
    assert params.read_text() == with_every_key("scenes") + "\n# tried in June\n"


def test_a_comment_inside_a_mapping_that_is_written_on_one_line_opens_it(params):
    text = params.read_text().replace("  icd: {score_threshold: 0.2,", "  icd:\n    # mine\n    score_threshold: 0.2 #")
    params.write_text(text)
    wsss_preset("use", "scenes")
    assert "  icd:\n    # mine\n    score_threshold: 0.2     # saliency_threshold: 0.01" in params.read_text()


@pytest.mark.parametrize("damage", ["missing", "moved", "of an earlier version"])
def test_use_brings_a_file_up_to_date(params, damage):
    shipped = params.read_text()
    keys = values(shipped)
    if damage == "missing":
        del keys["random_walk"]["beta"], keys["report"], keys["optimizer"]
    elif damage == "moved":
        keys["walk"] = keys.pop("random_walk")
    else:
        del keys["format"], keys["optimizer"]
        keys["rrm"]["backbone"] = dict.fromkeys(keys["backbone"])
    with params.open("w") as file:
        YAML(typ="safe").dump(keys, file)
    with pytest.raises(ParamsError, match="`wsss preset use NAME` writes the file anew"):
        load_params(params)
    result = wsss_preset("use", "scenes")
    assert result.exit_code == 0, result.output
    assert params.read_text() == shipped
    assert len(result.output.splitlines()) <= 15, result.output


@pytest.mark.parametrize("name", NAMES)
def test_a_second_use_changes_nothing(params, name):
    wsss_preset("use", name)
    before = params.read_bytes()
    assert wsss_preset("use", name).output == "nothing changed\n"
    assert params.read_bytes() == before


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
def test_lists_stay_on_one_line_and_mappings_where_they_fit(name):
    values = [line.partition(" #")[0].rstrip() for line in with_every_key(name).splitlines()]
    assert not [line for line in values if line.lstrip().startswith("- ")]
    assert max(len(line) for line in values if line.endswith("}")) <= 120


def test_comments_that_a_longer_value_had_pushed_come_back(params):
    shipped = params.read_text()
    longer = "a/rather/long/path/of/a/data/set"
    wsss_preset("use", "scenes", "--set", f"dataset.root={longer}", "--set", "fuse.dual_xor.cam_threshold=0.25")
    assert f"root: {longer} # the data set's folder" in params.read_text()
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


def test_the_help_says_that_all_other_values_are_the_shipped_ones():
    help_text = " ".join(wsss_preset("use", "--help").output.split())
    assert "all others as they are shipped" in help_text
    assert "`scenes` is the shipped parameters alone" in help_text


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
    set_key(keys, setting)
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


@pytest.mark.parametrize("name", FILES)
def test_show_prints_the_file(params, name):
    assert wsss_preset("show", name).output == (ROOT / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("params")
def test_a_folder_without_presets_says_where_to_run():
    shutil.rmtree("presets")
    result = wsss_preset("list")
    assert result.exit_code == 2
    assert "there is no folder presets here; run from the repository's root" in result.output


def test_a_mapping_may_stand_where_there_was_none_and_go_again(params):
    crf = {
        "iterations": 1, "gaussian_sxy": 1.0, "gaussian_weight": 3.0, "bilateral_sxy": 67.0, "bilateral_srgb": 3.0,
        "bilateral_weight": 4.0, "engine": "pydensecrf",
    }  # fmt: skip
    assert presets.use({"predict": {"crf": crf}}, params, source="test") == [f"predict.crf: null -> {crf}"]
    assert load_params(params).predict.crf.model_dump() == crf
    assert presets.use({}, params, source="test") == [f"predict.crf: {crf} -> null"]
    assert "crf: null" in params.read_text()


@pytest.mark.parametrize("kind", ["itself", "link"])
def test_a_preset_is_never_changed(params, kind):
    preset_file, target = Path("presets/voc12_mini.yaml"), Path("mine.yaml")
    before = preset_file.read_bytes()
    target.symlink_to(preset_file)
    result = wsss_preset("use", "voc12", "--params", str(preset_file if kind == "itself" else target))
    assert result.exit_code == 1
    assert "presets/voc12_mini.yaml is read here and would be replaced" in result.output
    assert preset_file.read_bytes() == before


def test_a_missing_params_file_is_written(params):
    shipped = params.read_text()
    params.unlink()
    assert wsss_preset("use", "scenes").output == "params.yaml: written\n"
    assert params.read_text() == shipped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: {a: 1}\n", "other.yaml is no params file, and would be replaced; give the file to change"),
        ("seed: 1\nlr: 2\n", "other.yaml is no params file"),
        ("- 1\n", "other.yaml must hold a mapping of sections"),
        ("seed: [", "other.yaml is no valid YAML"),
    ],
)
def test_no_other_file_is_replaced(params, text, message):
    Path("other.yaml").write_text(text)
    result = wsss_preset("use", "scenes", "--params", "other.yaml")
    assert result.exit_code == 2
    assert message in result.output
    assert Path("other.yaml").read_text() == text


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
