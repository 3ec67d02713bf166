"""`wsss preset use NAME --set KEY=VALUE`: what is read as text, what as YAML, and what is refused."""


import pytest
from preset_files import wsss_preset

from wsss_core.cli.preset import set_key
from wsss_core.params import load_params


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
