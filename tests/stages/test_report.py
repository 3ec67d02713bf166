"""The report's stage on what other stages left, on hand-made artifacts of odd images, and on gaps."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workspace import Workspace

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import Scores

PAGE, PICTURE = "reports/report.html", "reports/pictures/pipeline.png"
LABELS = (layout.CAM_CRF, layout.AFFINITY_LABELS, layout.FUSED, layout.PSEUDO_LABELS)
SIZES = {"dot": (1, 1), "a flat one.v2": (20, 3000), "ünïcode/<b>": (37, 23)}


def page(workspace: Workspace, name: str = PAGE) -> str:
    return (workspace.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def folder_set(workspace: Workspace) -> Workspace:
    """Photographs of odd sizes and names with masks; artifacts of the label-making stages, scored."""
    root = workspace.folder / "photos"
    lines = ["image,labels"]
    for name, (height, width) in SIZES.items():
        for folder, mode in (("images", "RGB"), ("masks", "L")):
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new(mode, (width, height), 1 if mode == "L" else "red").save(path)
        lines.append(f"{name}.png,cat")
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = {"format": "folder", "root": "photos", "train": "train", "val": "", "labels": "labels.csv"}
    workspace.set(dataset=source, report={"num_images": 3}).run("prepare")
    for name, size in SIZES.items():
        write_artifacts(workspace, name, size)
    for folder in (*LABELS, layout.CAMS, layout.RANDOM_WALK, layout.SALIENCY):
        finish(workspace.folder / folder)
    return workspace.run("evaluate")


def finish(folder: Path) -> None:
    manifests.write(folder, stage="", params={}, names=manifests.files_of(folder))


def write_artifacts(workspace: Workspace, name: str, size: tuple[int, int]) -> None:
    grid = tuple(-(-side // 4) for side in size)
    for folder, classes in ((layout.CAMS, [1]), (layout.RANDOM_WALK, [0, 1])):
        scores = np.full((len(classes), *grid), 0.5, dtype=np.float16)
        artifacts.write_scores(workspace.folder / folder, name, Scores(np.array(classes), scores, size))
    for folder in LABELS:
        artifacts.write_labels(workspace.folder / folder, name, np.ones(size))
    artifacts.write_grey(workspace.folder / layout.SALIENCY, name, np.ones(size))


def test_a_finished_run_gives_a_page_with_all_of_it(pipeline):
    text = page(pipeline.set(report={"num_images": 8}).run("report"))
    for part in ("CAM + CRF", "Affinity labels", "Random walk", "Saliency", "Fused", "Pseudo-label",
                 "DeepLab", "True mask", "The stages, one page each"):  # fmt: skip
        assert part in text
    assert text.count("<img") == 6 * 10 + 3 * 3


def test_a_stage_has_a_page_with_its_sentence_its_figures_its_curves_and_its_pictures(pipeline):
    pipeline.run("report")
    of_cam, of_affinity = page(pipeline, "reports/report/cam.html"), page(pipeline, "reports/report/affinity.html")
    for part in ("which places made it say so", "CAM (oracle threshold)", "CAM network", "oracle:", "Confusion"):
        assert part in of_cam and part not in of_affinity
    assert "AffinityNet, over the steps" in of_affinity
    assert of_affinity.count("<img") == 3 * 2  # photograph, labels, true mask
    assert "random walk" in page(pipeline, "reports/report/random_walk.html")


def test_pages_of_stages_lead_to_files_beside_them_and_nowhere_else(pipeline):
    folder = pipeline.run("report").folder / "reports/report"
    for name in folder.glob("*.html"):
        text = name.read_text(encoding="utf-8")
        for address in re.findall(r"""(?:src|href)=["'](?!data:|#)([^"'#]*)""", text):
            assert (folder / address).is_file(), f"{name.name}: {address}"


def test_pages_of_a_run_before_do_not_stay(pipeline):
    old = pipeline.folder / "reports/report/old.html"
    old.write_text("", encoding="utf-8")
    pipeline.run("report")
    assert not old.exists()


def test_the_same_run_gives_the_same_page_and_picture(pipeline):
    first = pipeline.run("report").files("reports")
    again = pipeline.run("report").files("reports")
    assert first[PAGE.removeprefix("reports/")] == again[PAGE.removeprefix("reports/")]
    assert first == again


def test_the_pipelines_picture_shows_the_image_with_the_most_classes(pipeline):
    pipeline.run("report")
    with Image.open(pipeline.folder / PICTURE) as picture:
        picture.verify()
        assert picture.size[0] > 4 * 260


def test_only_as_many_images_as_asked_for_are_drawn(pipeline):
    pipeline.set(report={"num_images": 2}).run("report")
    assert page(pipeline).count("<img") == 2 * 10 + 2 * 3


def test_reports_of_other_methods_are_linked(pipeline):
    (pipeline.folder / "reports/rr m.html").write_text("", encoding="utf-8")
    text = page(pipeline.run("report"))
    assert 'href="rr%20m.html"' in text
    assert 'href="report.html"' not in text


def test_images_of_odd_sizes_and_names_are_shown(folder_set):
    text = page(folder_set.run("report"))
    assert text.count("<img") == 3 * 10
    assert "ünïcode/&lt;b&gt;" in text
    assert "ünïcode/<b>" not in text
    for path in (folder_set.folder / "reports/report").glob("*.html"):
        assert "ünïcode/<b>" not in path.read_text(encoding="utf-8")
    assert (folder_set.folder / PICTURE).is_file()


def test_an_empty_validation_split_is_said(folder_set):
    text = page(folder_set.run("report"))
    assert "The validation split is empty" in text
    assert 'id="val"' not in text


def test_labels_no_better_than_the_row_to_beat_are_told(folder_set):
    text = page(folder_set.run("report"))  # all of its label maps are the same
    assert re.search(r"pseudo-labels \(CRF\) scores [\d.]+ on train, no better than CAM \+ CRF, the row to beat", text)


def test_without_masks_there_are_pictures_but_no_figures(folder_set):
    shutil.rmtree(folder_set.folder / "photos/masks")
    shutil.rmtree(folder_set.folder / "reports")
    text = page(folder_set.run("evaluate", "report"))
    assert "No training image has a mask" in text
    assert "Without figures, since none of their images has a mask: CAM" in text
    assert "<table class=\"quality" not in text  # of dashes alone
    assert text.count("<img") == 3 * 8  # no true mask, and no oracle to threshold the CAM by


def test_without_saliency_the_rest_is_shown_and_its_absence_said(folder_set):
    shutil.rmtree(folder_set.folder / layout.SALIENCY)
    text = page(folder_set.run("report"))
    assert "data/saliency holds no finished output" in text
    assert text.count("<img") == 3 * 9


@pytest.mark.parametrize(
    ("folder", "stage"),
    [(layout.CAMS, "infer_cam"), (layout.FUSED, "fuse"), (layout.PSEUDO_LABELS, "refine_crf")],
    ids=str,
)
def test_a_stage_that_did_not_run_is_asked_for(folder_set, folder, stage):
    shutil.rmtree(folder_set.folder / folder)
    message = folder_set.refusal("report", code=2)
    assert f"{folder} holds no finished output; run `dvc repro {stage}` first" in message


def test_a_missing_file_of_a_finished_stage_is_told(folder_set):
    (folder_set.folder / layout.FUSED / "dot.png").unlink()
    assert "of 3 files 1 missing (data/fused/dot.png)" in folder_set.refusal("report")


def test_metrics_are_asked_for(folder_set):
    shutil.rmtree(folder_set.folder / layout.METRICS)
    assert "reports/metrics/cam.json is missing" in folder_set.refusal("report")


def test_a_label_map_of_another_size_is_told_with_the_remedy(folder_set):
    artifacts.write_labels(folder_set.folder / layout.FUSED, "dot", np.ones((2, 1)))
    finish(folder_set.folder / layout.FUSED)
    assert "make it anew: `chmod -R u+w data/fused && dvc repro`" in folder_set.refusal("report")


def test_a_broken_history_is_told(folder_set):
    history = folder_set.folder / layout.HISTORY
    history.mkdir(parents=True, exist_ok=True)
    (history / "train_cam.tsv").write_text("step\tlr\n1\tnot a number\n", encoding="utf-8")
    assert "train_cam.tsv is not a table of numbers" in folder_set.refusal("report")
