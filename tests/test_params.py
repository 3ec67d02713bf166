"""params.yaml: what is shipped is valid, what is wrong is told, all of it at once, with a way out."""

import copy
import runpy
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from wsss_core import registry
from wsss_core.code_digest import ROOT
from wsss_core.models.heads import HEADS, build_head
from wsss_core.params import FORMAT, ParamsError, load_params, validate

SHIPPED = Path(__file__).parents[1] / "params.yaml"
READ = YAML(typ="safe").load(SHIPPED.read_text(encoding="utf-8"))


def content(**changes) -> dict:
    """The shipped parameters with changes such as `random_walk__beta=9`."""
    values = copy.deepcopy(READ)
    for place, value in changes.items():
        *sections, key = place.split("__")
        target = values
        for section in sections:
            target = target[section]
        target[key] = value
    return values


def complaint(**changes) -> str:
    with pytest.raises(ParamsError) as caught:
        validate(content(**changes), source="params.yaml")
    return str(caught.value)


def test_the_shipped_file_is_valid():
    assert load_params(SHIPPED).random_walk.log2_steps == 8  # 256 steps, as in the paper


def test_a_change_of_the_file_arrives():
    assert validate(content(random_walk__beta=9.5), source="p").random_walk.beta == 9.5


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


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("random_walk__beta", 0),
        ("random_walk__beta", float("nan")),
        ("random_walk__beta", float("inf")),
        ("random_walk__radius", 1),
        ("random_walk__log2_steps", 256),
        ("random_walk__splits", []),
        ("random_walk__splits", ["test"]),
        ("infer_cam__splits", []),
        ("infer_cam__splits", ["val"]),
        ("train_affinity__taps", [-3, -3, -1]),
        ("train_affinity__taps", [0, 0, -1]),
        ("train_affinity__taps", [-1, 0, -1]),
        ("train_affinity__taps", [-1, -2, -3]),
        ("train_deeplab__atrous_rates", []),
        ("train_deeplab__atrous_rates", [0]),
        ("backbone__output_stride", 0),
        ("backbone__batch_norm", "off"),
        ("train_cam__batch", "many"),
        ("train_cam__batch", 1.5),
        ("train_cam__dropout", 1.0),
        ("train_cam__augment__crop", 16),
        ("train_cam__augment__color_jitter", "strong"),
        ("train_cam__augment__color_jitter", [0.1, 0.1, 0.1, 0.6]),
        ("infer_cam__scales", []),
        ("infer_cam__scales", [1.0, 0]),
        ("evaluate__threshold_step", 0),
        ("fuse__rule", "best"),
        ("refine_crf__label_confidence", 1.0),
        ("dataset__format", "imagenet"),
        ("dataset__root", None),
        ("dataset__train", ""),
        ("seed", -1),
        ("seed", 2**32),
        ("train_deeplab", None),
        ("rrm__dropout", 1.0),
        ("rrm__schedule", "imagenet"),
        ("rrm__classification_phase__share", 1.0),
        ("rrm__labels__keep", 1.1),
        ("rrm__energy__scale", 0),
        ("rrm__energy__weight", -1),
        ("rrm__energy__reference_crop", 0),
        ("rrm__moments__at", []),
        ("rrm__moments__at", [0.5, 1.5]),
        ("rrm__moments__at", [0]),
        ("aalr__label_source", "cam"),
        ("aalr__pamr__dilations", [0]),
        ("aalr__adaptive_affinity__radius", 0),
        ("aalr__label_reassign__variant", "harder"),
        ("aalr__label_reassign__bank_momentum", 1.0),
        ("aalr__label_reassign__temperature", 0),
    ],
)
def test_an_impossible_value_is_named_and_shown(place, value):
    text = complaint(**{place: value})
    assert text.startswith("params.yaml has 1 error:\n")
    assert f"{place.replace('__', '.')}" in text
    shown = value[-1] if isinstance(value, list) and value else value
    assert "(got " in text
    assert str(shown) in text


def test_a_list_that_is_too_short_is_named():
    assert "train_cam.augment.color_jitter.3: missing" in complaint(train_cam__augment__color_jitter=[0.1] * 3)


@pytest.mark.parametrize("key", ["long_side", "scale"])
def test_a_range_that_descends_is_refused(key):
    assert f"{key} is [smallest, largest], not [300.0, 200.0]" in complaint(
        **{f"train_cam__augment__{key}": [300, 200]}
    )


@pytest.mark.parametrize("section", ["affinity_labels", "rrm__labels", "aalr__labels"])
def test_the_low_background_exponent_must_be_the_lower_one(section):
    names = ("background_exponent_low", "background_exponent_high")
    text = complaint(**{f"{section}__{name}": 8 for name in names})
    assert f"{section.replace('__', '.')}: background_exponent_low must be below background_exponent_high" in text


def test_the_largest_seed_is_legal():
    assert validate(content(seed=2**32 - 1), source="p").seed == 2**32 - 1


@pytest.mark.parametrize("taps", [[0, -2, -1], [-3, -2, -1], [0, 1, 2], [-4, 1, -1]])
def test_three_taps_from_both_ends_are_legal(taps):
    assert validate(content(train_affinity__taps=taps), source="p").train_affinity.taps == tuple(taps)


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("rates", [None, [2], [2, 4], [2, 4, 6, 8]])
def test_the_atrous_rates_are_those_that_the_head_takes(head, rates):
    try:
        build_head(head, in_channels=2, num_outputs=2, stride=8, atrous_rates=rates)
    except ValueError:
        assert "atrous_rates: head largefov has one atrous rate; give a list of one, or null" in complaint(
            train_deeplab__head=head, train_deeplab__atrous_rates=rates
        )
    else:
        values = content(train_deeplab__head=head, train_deeplab__atrous_rates=rates)
        assert validate(values, source="p").train_deeplab.atrous_rates == rates


def test_the_walk_covers_no_split_without_a_cam():
    text = complaint(random_walk__splits=["train", "val"])
    assert "random_walk: splits names val, but infer_cam.splits does not" in text
    both = ["val", "train"]
    values = content(infer_cam__splits=both, random_walk__splits=both)
    assert validate(values, source="p").random_walk.splits == both
    validate(content(infer_cam__splits=both), source="p")  # the walk may cover less


def test_a_saliency_set_without_a_name_is_none():
    text = complaint(ssnet__saliency_set__images="")
    assert "ssnet.saliency_set: a folder has no name; give both folders, images and masks, or null for both" in text


def test_a_folder_of_saliency_maps_needs_its_path():
    assert "method: folder needs `folder`" in complaint(saliency__method="folder")


@pytest.mark.parametrize("method", registry.patented())
def test_a_patented_method_needs_an_acknowledgement(method):
    assert "acknowledge_patents: true" in complaint(saliency__method=method)
    values = content(saliency__method=method, saliency__acknowledge_patents=True)
    assert validate(values, source="p").saliency.method == method


def test_a_detector_is_a_value_of_its_section_as_soon_as_its_file_is_there(tmp_path, monkeypatch):
    (tmp_path / "centre.py").write_text("import nothing\n\n\ndef detect(image): ...\n")
    (tmp_path / "edges.py").write_text('PATENT_NOTE = "held by somebody"\n')
    monkeypatch.setattr(registry, "DETECTORS", tmp_path)
    fresh = runpy.run_path(str(ROOT / "wsss_core/sections/saliency.py"))["Saliency"]
    shipped = {"method": "centre", "folder": None, "weights": None}
    assert fresh(**shipped).method == "centre"
    with pytest.raises(ValidationError, match="acknowledge_patents: true"):
        fresh(**shipped | {"method": "edges"})
    with pytest.raises(ValidationError, match="'centre', 'edges', 'folder', 'u2net', 'u2netp' or 'onnx'"):
        fresh(**shipped | {"method": "rbd"})
    assert fresh.model_fields["acknowledge_patents"].description == "edges carry patent notes"


@pytest.mark.parametrize("value", [3, "conv1a", [], [""], ["conv1a", 2], {"conv1a": True}])
@pytest.mark.parametrize("place", ["backbone", "rrm__backbone"])
def test_what_is_frozen_is_the_stem_or_layers_by_name(place, value):
    errors = complaint(**{f"{place}__freeze_stem": value})
    line = "freeze_stem: must be true, false, or names of layers such as [conv1, layer1]"
    assert f"{place.replace('__', '.')}.{line}" in errors
    assert errors.count("\n") == 1, "one error, not one for each kind that the value might be"


def test_the_shared_backbone_says_what_it_freezes():
    assert "backbone.freeze_stem" in complaint(backbone__freeze_stem=None)


@pytest.mark.parametrize("value", [True, False, ["conv1a"], ["conv1", "layer1"]])
def test_a_method_may_freeze_other_layers_than_the_rest(value):
    params = validate(content(backbone__freeze_stem=["b2"], rrm__backbone__freeze_stem=value), source="p")
    assert params.rrm.backbone.freeze_stem == value
    assert params.aalr.backbone.freeze_stem == params.backbone.freeze_stem == ["b2"]


@pytest.mark.parametrize("shared", ["backbone", "optimizer"])
def test_a_section_that_lists_nothing_has_the_shared_values(shared):
    other = {"backbone": {"name": "resnet18", "dilate": False}, "optimizer": {"name": "sgd", "lr": 0.1}}[shared]
    values = content(rrm={**content()["rrm"], shared: {}})
    values[shared].update(other)
    params = validate(values, source="p")
    assert getattr(params.rrm, shared) == getattr(params, shared)
    assert getattr(params.rrm, shared).model_dump().items() >= other.items()


def test_a_section_keeps_the_shared_values_of_what_it_does_not_list():
    params = validate(content(optimizer__momentum=0.5, ssnet__second__optimizer={"lr": 0.25}), source="p")
    assert params.ssnet.second.optimizer == params.optimizer.model_copy(update={"lr": 0.25})
    assert params.ssnet.first.optimizer == params.optimizer


def test_null_is_as_shared():
    override = {"name": None, "weights": "imagenet"}
    params = validate(content(backbone__name="resnet18", rrm__backbone=override), source="p")
    assert (params.rrm.backbone.name, params.rrm.backbone.weights) == ("resnet18", "imagenet")


def test_a_wrong_shared_value_is_told_once_and_what_sections_list_is_checked_all_the_same():
    errors = complaint(backbone__output_stride=0, rrm__backbone={"batch_norm": "off"}, aalr__backbone={"nane": "a"})
    assert errors.count("\n") == 3
    for line in ("backbone.output_stride: ", "rrm.backbone.batch_norm: ", "aalr.backbone.nane: unknown key; did you"):
        assert f"\n  {line}" in errors


def test_parameters_that_were_read_can_be_written_and_read_again():
    params = load_params(SHIPPED)
    assert validate(params.model_dump(mode="json"), source="p") == params


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(ParamsError, match=r"params\.yaml does not exist; run from the repository's root"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "no valid YAML"),
        ("seed: 1\nseed: 2\n", "no valid YAML"),
        ("", "must hold a mapping of sections, not NoneType"),
        ("- 1\n", "must hold a mapping of sections, not list"),
    ],
)
def test_a_file_that_holds_no_sections_is_refused(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=message):
        load_params(path)


def test_a_file_of_another_encoding_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes("seed: 0 # é".encode("latin-1"))
    with pytest.raises(ParamsError, match="no valid YAML"):
        load_params(path)


def test_a_reader_cannot_change_the_parameters():
    params = load_params(SHIPPED)
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 1


def test_tasks_that_all_weigh_nothing_are_refused():
    weights = {"tags": 0.0, "segmentation": 0.0, "saliency": 0.0}
    assert "auxsegnet.weights: all tasks weigh 0" in complaint(auxsegnet__weights=weights)


def test_rounds_without_quotes_are_refused_since_dvc_cannot_find_them():
    rounds = {1: {"before": 0, "weights": "models/cam", "saliency": "data/saliency"}}
    assert 'write "1": instead of 1:' in complaint(auxsegnet__rounds=rounds)


def test_the_last_round_is_that_of_the_parameters():
    params = load_params(SHIPPED)
    assert [params.last_round(name) for name in ("auxsegnet", "ssnet", "rrm", "deeplab")] == [4, 2, None, None]
