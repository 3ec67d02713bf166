"""Keys of params.yaml that are unknown, missing or of another version: told all at once, each with a way out."""


import pytest
from params_content import complaint, content

from wsss_core.params import FORMAT, ParamsError, validate


@pytest.mark.parametrize(
    ("place", "near"),
    [
        ("random_walks", "random_walk"),
        ("random_walk__betta", "beta"),
        ("dataset__scenes__num_trains", "num_train"),
        ("train_cam__optimizer__momentun", "momentum"),
        ("fuse__soft__saliency_wait", "saliency_weight"),
        ("train_cam__backbone__weigths", "weights"),
        ("rrm_two_steps", "rrm_two_step"),
        ("rrm__energy__sigma_rbg", "sigma_rgb"),
        ("aalr__label_reassign__ramp__lenght", "length"),
    ],
)
def test_an_unknown_key_gets_the_nearest_known_one(place, near):
    assert f"{place.replace('__', '.')}: unknown key; did you mean `{near}`?" in complaint(**{place: 1})


def test_an_unknown_key_inside_an_optional_section_gets_the_nearest_one():
    crf = {**content()["refine_crf"]}
    del crf["label_confidence"], crf["keep_ignore"]
    assert validate(content(predict__crf=crf), source="p").predict.crf is not None
    assert "predict.crf.iteration: unknown key; did you mean `iterations`?" in complaint(
        predict__crf={**crf, "iteration": 3}
    )


def test_an_unknown_key_like_no_other_is_to_be_removed():
    assert "random_walk.zzz: unknown key; remove it" in complaint(random_walk__zzz=1)


def test_a_missing_key_is_named():
    values = content()
    del values["random_walk"]["beta"], values["report"]
    with pytest.raises(ParamsError) as caught:
        validate(values, source="params.yaml")
    remedy = "missing; `wsss preset use NAME` writes the file anew with every key, and keeps its comments"
    assert str(caught.value) == f"params.yaml has 2 errors:\n  random_walk.beta: {remedy}\n  report: {remedy}"


@pytest.mark.parametrize("place", ["format", "train_cam.optimizer", "auxsegnet.rounds.2.before", "fuse.oaa.multi"])
def test_every_key_must_be_written_however_deep(place):
    values = content()
    *above, key = place.split(".")
    target = values
    for section in above:
        target = target[section]
    del target[key]
    with pytest.raises(ParamsError) as caught:
        validate(values, source="params.yaml")
    assert str(caught.value).startswith(f"params.yaml has 1 error:\n  {place}: missing; `wsss preset use NAME` writes")


def test_a_key_of_an_optional_section_must_be_written_where_that_is():
    assert "predict.crf.engine: missing" in complaint(predict__crf={"iterations": 3})


def test_a_missing_key_and_a_wrong_one_are_told_together():
    values = content(random_walk__beta=-1)
    del values["seed"]
    with pytest.raises(ParamsError, match="2 errors") as caught:
        validate(values, source="params.yaml")
    assert "seed: missing" in str(caught.value) and "random_walk.beta: " in str(caught.value)


def test_a_file_of_a_later_version_is_refused_by_its_number_alone():
    text = complaint(format=FORMAT + 1, random_walks=1)
    assert text.startswith(f"params.yaml is of format {FORMAT + 1}, and this version knows {FORMAT}; use a later")
    assert "\n" not in text


@pytest.mark.parametrize("number", ["one", 0, None])
def test_a_format_that_is_none_is_told_as_any_wrong_value(number):
    assert f"format: Input should be {FORMAT} (got {number!r})" in complaint(format=number)


def test_all_errors_are_told_at_once_each_on_its_line():
    text = complaint(random_walk__beta=-1, seed="x", train_cam__batch=0, nonsense=1)
    lines = text.splitlines()
    assert lines[0] == "params.yaml has 4 errors:"
    assert len(lines) == 5
    for place in ("random_walk.beta", "seed", "train_cam.batch", "nonsense"):
        assert sum(line.strip().startswith(f"{place}:") for line in lines) == 1
