"""backbone and optimizer, which hold for all trainings, and what a training's own section sets differently."""


import pytest
from params_content import complaint, content

from wsss_core.params import validate


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
