"""The text of params.yaml as `wsss preset use` writes it: comments stay, lines keep their shape, others are left."""

from pathlib import Path

import pytest
from preset_files import NAMES, ROOT, values, with_every_key, wsss_preset
from ruamel.yaml import YAML

from wsss_core import presets
from wsss_core.params import Params, ParamsError, load_params
from wsss_core.params_file import comments_of, written


def test_the_shipped_file_is_what_the_command_writes():
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == written(Params()), \
        "delete it and run `wsss preset use scenes`"


@pytest.mark.parametrize("name", NAMES)
def test_lists_stay_on_one_line_and_mappings_where_they_fit(name):
    values = [line.partition(" #")[0].rstrip() for line in with_every_key(name).splitlines()]
    assert not [line for line in values if line.lstrip().startswith("- ")]
    assert max(len(line) for line in values if line.endswith("}")) <= 120


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


def test_comments_that_a_longer_value_had_pushed_come_back(params):
    shipped = params.read_text()
    longer = "a/rather/long/path/of/a/data/set"
    wsss_preset("use", "scenes", "--set", f"dataset.root={longer}", "--set", "fuse.dual_xor.cam_threshold=0.25")
    assert f"root: {longer} # the data set's folder" in params.read_text()
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


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


def test_quotes_that_a_value_needed_go_with_it(params):
    shipped = params.read_text()
    wsss_preset("use", "scenes", "--set", "dataset.root=/a b/#c: d")
    assert values(params.read_text())["dataset"]["root"] == "/a b/#c: d"
    wsss_preset("use", "scenes")
    assert params.read_text() == shipped


def test_a_mapping_may_stand_where_there_was_none_and_go_again(params):
    crf = {
        "iterations": 1, "gaussian_sxy": 1.0, "gaussian_weight": 3.0, "bilateral_sxy": 67.0, "bilateral_srgb": 3.0,
        "bilateral_weight": 4.0, "engine": "pydensecrf",
    }  # fmt: skip
    assert presets.use({"predict": {"crf": crf}}, params, source="test") == [f"predict.crf: null -> {crf}"]
    assert load_params(params).predict.crf.model_dump() == crf
    assert presets.use({}, params, source="test") == [f"predict.crf: {crf} -> null"]
    assert "crf: null" in params.read_text()


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
