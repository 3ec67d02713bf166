"""`wsss labels`: artifacts out, corrected label maps in, and what a user is told."""

import json
import shutil

import pytest
from ruamel.yaml import YAML
from workspace import error_message

from wsss_core import artifacts, layout, manifests
from wsss_core.cli.main import main

IDS = [f"train_0000{number}" for number in range(6)]


def labels(workspace, *arguments):
    return workspace.invoke(main, "labels", *arguments)


def done(workspace, *arguments) -> str:
    result = labels(workspace, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_pseudo_labels_are_exported_with_the_confidence_of_the_fusion(pipeline):
    text = done(pipeline, "export", "affinitynet", "--to", "coco", "--out", "out", "--first", 3)
    assert text.startswith("out: 3 label maps of data/pseudo_labels/affinitynet, ")
    assert "confidence: from data/fused; out/review.csv begins with the least certain" in text
    content = json.loads((pipeline.folder / "out/annotations/instances_train.json").read_text())
    scores = [each["score"] for each in content["annotations"]]
    assert len(content["images"]) == 3 and all(0 < score <= 1 for score in scores)


def test_predictions_have_no_confidence_but_that_of_others(pipeline):
    text = done(pipeline, "export", "deeplab", "--to", "folders", "--out", "out")
    assert "confidence: none, for nothing here keeps the scores of these maps; --against NAME" in text
    assert "how far deeplab says the same" in done(
        pipeline, "export", "deeplab", "--to", "folders", "--out", "more", "--against", "deeplab"
    )
    assert "has no map of 3 of the 3 photographs" in error_message(
        labels(pipeline, "export", "deeplab", "--to", "folders", "--out", "x", "--against", "affinitynet"), code=1
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["afinitynet", "--to", "coco"], 1, "there are no label maps afinitynet; did you mean 'affinitynet'?; there are"
         " data/affinity_labels, data/fused, data/predictions/deeplab, data/pseudo_labels/affinitynet"),
        (["deeplab", "--to", "yolo", "--segmentation", "rle"], 2, "--segmentation says nothing to yolo; it is of coco"),
        (["deeplab", "--to", "coco", "--palette"], 2, "--palette says nothing to coco; it is of folders"),
        (["deeplab", "--to", "coco", "--ignore-as", "moon"], 1, "--ignore-as moon is the name of a class"),
        (["data/raw", "--to", "coco"], 1, "label maps of data/raw are of no photograph of the data set"),
        (["models", "--to", "coco"], 1, "models holds no label maps"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_told(finished, arguments, code, message):
    assert message in error_message(labels(finished, "export", *arguments, "--out", "out"), code=code)
    assert not (finished.folder / "out").exists()


@pytest.fixture
def corrected(pipeline):
    """Two training images, of which one is changed, and one of the validation split."""
    for name in (*IDS[:2], "val_00000"):
        split = "train" if name in IDS else "val"
        source = layout.PSEUDO_LABELS if split == "train" else layout.PREDICTIONS / "deeplab"
        map_ = artifacts.read_labels(pipeline.folder / source, name)
        if name == IDS[0]:
            map_[:, ::2] = 2
        artifacts.write_labels(pipeline.folder / "mine", name, map_)
    return pipeline


def params_of(workspace) -> dict:
    return YAML(typ="safe").load((workspace.folder / "params.yaml").read_text())["corrected"]


def test_an_import_is_told_and_named_in_the_parameters(corrected):
    text = done(corrected, "import", "mine", "--from", "folders", "--as", "by_me", "--beside", "cam_crf")
    assert text.splitlines() == [
        "data/corrected/by_me: label maps of 2 of 6 train and 1 of 3 val images",
        "params.yaml: corrected.folder: data/corrected/by_me",
        "params.yaml: corrected.beside: data/pseudo_labels/cam_crf",
        "`dvc repro pipelines/corrected/dvc.yaml` learns them, supervised by I+F on 2 of 6 images",
        "to measure on these masks, and no others: dataset.masks: ../../corrected/by_me",
    ]
    assert params_of(corrected) == {
        "folder": "data/corrected/by_me", "beside": "data/pseudo_labels/cam_crf", "alone": False,
    }  # fmt: skip


def test_corrected_labels_stand_beside_the_others_and_results_say_how_many(corrected):
    done(corrected, "import", "mine", "--from", "folders", "--as", "mine")
    corrected.run("corrected_labels")
    before, after = (corrected.files(f"data/pseudo_labels/{name}") for name in ("affinitynet", "corrected"))
    assert [name for name in before if name.endswith(".png") and before[name] != after[name]] == [f"{IDS[0]}.png"]
    corrected.run_with(
        "train_deeplab", "--labels", "data/pseudo_labels/corrected", "--labelled", "--method", "corrected"
    )
    corrected.run_with("predict", "--method", "corrected")
    corrected.run_with("evaluate", "--method", "corrected", "--labels", "corrected")
    corrected.run_with("report", "--method", "corrected")
    kind = "I+F on 2 of 6 images"
    for folder in ("data/pseudo_labels/corrected", "models/corrected", "data/predictions/corrected"):
        assert manifests.read(corrected.folder / folder)["supervision"] == kind
    for name in ("corrected", "corrected_pseudo_labels"):
        assert artifacts.read_json(corrected.folder / layout.METRICS / f"{name}.json")["supervision"] == kind
    assert f"masks corrected by hand ({kind})" in (corrected.folder / "reports/corrected.html").read_text()
    compared = corrected.invoke(main, "compare").output
    assert f"DeepLab on corrected labels{' ' * 2}" in compared and kind in compared


def test_corrected_labels_alone_leave_out_all_other_images(corrected):
    done(corrected, "import", "mine", "--from", "folders", "--as", "mine", "--alone")
    corrected.run("corrected_labels")
    read = {name: artifacts.read_labels(corrected.folder / "data/pseudo_labels/corrected", name) for name in IDS}
    assert [name for name, labels in read.items() if (labels == 255).all()] == IDS[2:]


def test_corrected_maps_are_true_masks_for_who_says_so(corrected):
    text = done(corrected, "import", "mine", "--from", "folders", "--as", "mine")
    corrected.set(corrected=params_of(corrected), dataset={"masks": text.split("dataset.masks: ")[1].strip()})
    corrected.run("evaluate")
    assert artifacts.read_json(corrected.folder / layout.METRICS / "pseudo_labels.json")["num_images"] == 2
    assert artifacts.read_json(corrected.folder / layout.METRICS / "deeplab.json")["miou"] == 1


def test_maps_of_the_validation_split_alone_are_learnt_by_nobody(corrected):
    shutil.rmtree(corrected.folder / "mine")
    source = artifacts.read_labels(corrected.folder / layout.PREDICTIONS / "deeplab", "val_00000")
    artifacts.write_labels(corrected.folder / "mine", "val_00000", source)
    before = params_of(corrected)
    text = done(corrected, "import", "mine", "--from", "folders", "--as", "other")
    assert "no training image is among them: they measure, and no network learns them" in text
    assert params_of(corrected) == before
    corrected.set(corrected={"folder": "data/corrected/other"})
    message = corrected.refusal("corrected_labels", code=2)
    assert "data/corrected/other holds no label map of a training image" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--beside", "deeplab"], "data/predictions/deeplab lacks the labels of 6 training images"),
        (["--beside", "affinity"], "there are no label maps affinity"),
        (["--beside", "mine"], "--beside mine lies outside data, where DVC does not look"),
    ],
)
def test_labels_beside_must_be_of_all_training_images(corrected, options, message):
    before = corrected.artifacts()
    result = labels(corrected, "import", "mine", "--from", "folders", "--as", "mine", *options)
    assert message in error_message(result, code=1)
    assert corrected.artifacts() == before


def test_an_import_that_is_missing_or_changed_names_the_command_that_brings_it(corrected):
    corrected.set(corrected={"folder": "data/corrected/none"})
    message = corrected.refusal("corrected_labels", code=2)
    assert "run `wsss labels import SOURCE --from FORMAT --as none` first" in message
    done(corrected, "import", "mine", "--from", "folders", "--as", "mine")
    corrected.set(corrected={"folder": "data/corrected/mine"})
    (corrected.folder / f"data/corrected/mine/{IDS[0]}.png").unlink()
    message = corrected.refusal("corrected_labels")
    assert "1 missing" in message and "`wsss labels import SOURCE --from FORMAT --as mine` makes it anew" in message
