"""params.yaml: what is shipped is valid, and values that cannot be are told with a way out."""

import runpy

import pytest
from params_content import SHIPPED, complaint, content
from pydantic import ValidationError

from wsss_core import registry
from wsss_core.code_digest import ROOT
from wsss_core.models.heads import HEADS, build_head
from wsss_core.params import ParamsError, load_params, validate


def test_the_shipped_file_is_valid():
    assert load_params(SHIPPED).random_walk.log2_steps == 8  # 256 steps, as in the paper


def test_a_change_of_the_file_arrives():
    assert validate(content(random_walk__beta=9.5), source="p").random_walk.beta == 9.5


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
        ("seed: 1\nseed: 2\n", 'no valid YAML .line 2: found duplicate key "seed"'),
        ("seed: 2012-13-45\n", "no valid YAML .month must be in"),
        ("[" * 5000, "no valid YAML .it is nested too deeply"),
        ("seed: !!float x\n", "no valid YAML .could not convert string to float: 'x'"),
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
