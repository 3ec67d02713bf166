"""The whole graph by `dvc repro` in a fresh clone, and what runs again after a change."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from clone import ALWAYS, LABELS, STAGE_LINE, Clone, copy_sources
from PIL import Image
from ruamel.yaml import YAML
from workspace import ROOT, STAGES

from wsss_core import graphs, layout
from wsss_core.models.u2net import U2Net

pytestmark = pytest.mark.graphs

MASKS = "data/raw/scenes_tiny/SegmentationClass"
SMALLER = {
    "dataset": {"scenes": {"num_train": 8, "num_val": 3, "num_saliency": 0}},
    "train_cam": {"epochs": 1},
    "train_deeplab": {"epochs": 1},
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the graph has run once on a tiny set, everything committed."""
    made = Clone(tmp_path_factory.mktemp("clone") / "wsss")
    copy_sources(made.folder)
    made.run("git", "init", "--quiet")
    made.run("git", "add", "--all")
    made.run("git", "commit", "--quiet", "--message", "Clone")
    settings = [f"--set={section}.{key}={value}" for section, keys in flat(SMALLER) for key, value in keys.items()]
    made.run("wsss", "preset", "use", "scenes_tiny", *settings)
    assert made.stages_run_by("dvc", "repro") >= set(STAGES)
    made.run("git", "add", "--all")
    made.run("git", "commit", "--quiet", "--message", "Run")
    return made


def flat(mapping: dict, prefix: str = "") -> list[tuple[str, dict]]:
    """(dotted section, its plain keys) of nested mappings."""
    found = []
    for section, keys in mapping.items():
        plain = {key: value for key, value in keys.items() if not isinstance(value, dict)}
        nested = {key: value for key, value in keys.items() if isinstance(value, dict)}
        found += [(f"{prefix}{section}", plain), *flat(nested, f"{prefix}{section}.")]
    return found


def below(stage: str) -> set[str]:
    """`stage` and all that depends on it, read from dvc.yaml."""
    above, found = graphs.above(ROOT / layout.GRAPH), {stage}
    for name in graphs.in_order(ROOT / layout.GRAPH):
        if above[name] & found:
            found.add(name)
    return found


def test_the_graph_leaves_git_clean_and_its_results_in_place(clone):
    assert clone.run("git", "status", "--porcelain") == ""
    for path in ("reports/report.html", "models/deeplab/model.pt", f"{LABELS}/manifest.json"):
        assert (clone.folder / path).is_file()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_second_repro_runs_nothing(clone, workers):
    output = clone.run("dvc", "repro", WSSS_WORKERS=workers)
    assert set(STAGE_LINE.findall(output)) == ALWAYS


def test_metrics_and_plots_are_shown(clone):
    shown = clone.run("dvc", "metrics", "show", "--json")
    for name in ("cam", "cam_crf", "random_walk", "fused", "pseudo_labels", "deeplab", "saliency"):
        assert f"reports/metrics/{name}.json" in shown
    clone.run("dvc", "plots", "show", "--out", ".dvc/tmp/plots")
    page = (clone.folder / ".dvc/tmp/plots/index.html").read_text(encoding="utf-8")
    assert page.count("vega") > 0
    for title in ("training loss of DeepLab", "CAM against its background threshold"):
        assert title in page


@pytest.mark.parametrize(
    ("setting", "stage"), [("refine_crf.iterations=7", "refine_crf"), ("random_walk.beta=11", "random_walk")]
)
def test_an_experiment_runs_a_stage_and_what_follows_it(clone, setting, stage):
    ran = clone.stages_run_by("dvc", "exp", "run", "--name", stage.replace("_", "-"), "--set-param", setting)
    difference = clone.run("dvc", "metrics", "diff", "--all", "--json", "HEAD", stage.replace("_", "-"))
    clone.run("git", "checkout", "--quiet", "--", ".")
    clone.run("dvc", "checkout", "--quiet", "dvc.yaml")  # the other graphs never ran here
    metrics = json.loads(difference[difference.index("{") :])  # warnings on what never ran stand before it
    assert {"old", "new"} <= set(metrics["reports/metrics/pseudo_labels.json"]["miou"])
    assert stage in ran
    assert ran <= below(stage), "nothing above it may run"


def test_experiments_are_shown_with_their_metrics(clone):
    table = clone.run("dvc", "exp", "show", "--csv")
    header, *rows = table.splitlines()
    column = header.split(",").index("reports/metrics/pseudo_labels.json:miou")
    assert len(rows) >= 2
    assert all(0 <= float(row.split(",")[column]) <= 1 for row in rows)


def write_weights(folder: Path, *, saliency: int, backbone: int) -> None:
    """Random weights of a saliency network and of a backbone, by their seeds."""
    torch.manual_seed(saliency)
    torch.save(U2Net("u2netp").state_dict(), folder / "saliency.pth")
    torch.manual_seed(backbone)
    torch.save(timm.create_model("test_resnet", pretrained=False).state_dict(), folder / "backbone.pth")


def test_other_bytes_in_a_weights_file_run_what_starts_from_it_and_nothing_else(clone):
    stages = ("saliency", "train_cam")
    settings = {"saliency.method": "u2netp", "saliency.weights": "saliency.pth", "backbone.weights": "backbone.pth",
                "dataset.scenes.num_train": "2"}  # fmt: skip
    write_weights(clone.folder, saliency=0, backbone=0)
    try:
        clone.run("wsss", "preset", "use", "scenes_tiny", *(f"--set={key}={value}" for key, value in settings.items()))
        assert clone.stages_run_by("dvc", "repro", *stages) == {"prepare", *stages}
        assert clone.stages_run_by("dvc", "repro", *stages) == set()
        write_weights(clone.folder, saliency=1, backbone=0)
        assert clone.stages_run_by("dvc", "repro", *stages) == {"saliency"}
        write_weights(clone.folder, saliency=0, backbone=1)
        assert clone.stages_run_by("dvc", "repro", *stages) == {"train_cam"}, "the first maps are in DVC's cache"
    finally:
        clone.run("git", "checkout", "--quiet", "--", ".")
        clone.run("dvc", "checkout", "--quiet", "dvc.yaml")


def test_the_upper_bound_has_a_page_with_deeplabs_share_of_it(clone):
    clone.run("dvc", "repro", "pipelines/full_supervision/dvc.yaml")
    assert "of full supervision)" in (clone.folder / "reports/full_supervision.html").read_text(encoding="utf-8")
    assert clone.stages_run_by("dvc", "repro") == set()
    clone.run("git", "checkout", "--quiet", "--", ".")


def test_a_corrected_mask_is_measured_against_and_changes_nothing_else(clone):
    metrics = clone.folder / "reports/metrics/deeplab.json"
    before, mask = metrics.read_bytes(), min((clone.folder / MASKS).glob("val*.png"))
    kept = mask.read_bytes()
    with Image.open(mask) as picture:
        labels = np.array(picture)
        palette = picture.getpalette()
    corrected = Image.fromarray(np.where(labels == 0, 1, labels).astype(np.uint8))
    corrected.putpalette(palette)
    try:
        corrected.save(mask)
        assert clone.stages_run_by("dvc", "repro") == {"evaluate", "report"}
        assert metrics.read_bytes() != before
    finally:
        mask.write_bytes(kept)
    clone.run("dvc", "repro")
    assert metrics.read_bytes() == before


def test_masks_may_go_and_a_forced_run_gives_the_same_pseudo_labels(clone):
    before = clone.labels()
    masks = clone.folder / MASKS
    masks.rename(clone.folder / ".dvc/tmp/masks")
    try:
        assert clone.stages_run_by("dvc", "repro") == {"evaluate", "report"}, "figures are absent"
        assert "refine_crf" in clone.stages_run_by("dvc", "repro", "--force", "refine_crf")
        assert clone.labels() == before
    finally:
        (clone.folder / ".dvc/tmp/masks").rename(masks)


def test_what_was_damaged_in_place_is_healed_by_the_command_that_the_error_names(clone):
    walks = clone.folder / "data/random_walk"
    path = min(walks.glob("*.npz"))
    before = path.read_bytes()
    path.chmod(0o644)
    with path.open("r+b") as file:  # and where files are hard links, in DVC's cache
        file.seek(len(before) // 2)
        file.write(bytes([before[len(before) // 2] ^ 1]))
    path.chmod(0o444)
    remedy = re.search(r"`(.+)` makes it anew", clone.fail(sys.executable, "-m", "stages.fuse"))
    clone.run("bash", "-c", remedy[1])
    assert path.read_bytes() == before
    clone.run(sys.executable, "-m", "stages.fuse")


def test_the_demo_of_a_tarball_leaves_the_users_work_alone(tmp_path):
    tarball = Clone(tmp_path / "wsss")
    copy_sources(tarball.folder)
    tarball.run("dvc", "config", "--local", "core.no_scm", "true")
    tarball.run("wsss", "preset", "use", "voc12_mini")
    params = (tarball.folder / "params.yaml").read_bytes()
    (tarball.folder / "data/cam").mkdir(parents=True)
    (tarball.folder / "data/cam/mine.npz").write_bytes(b"mine")
    preset = tarball.folder / "presets/scenes_smaller.yaml"
    content = YAML(typ="safe").load((tarball.folder / "presets/scenes_tiny.yaml").read_text())
    YAML(typ="safe").dump({**content, **SMALLER, "dataset": {**content["dataset"], **SMALLER["dataset"]}}, preset)
    output = tarball.run(sys.executable, "-m", "wsss_core.cli.demo", "--preset", "scenes_smaller")
    assert "DeepLab" in output.rpartition("mIoU")[2]
    assert (tarball.folder / ".demo/reports/report.html").is_file()
    assert (tarball.folder / "params.yaml").read_bytes() == params
    assert sorted(path.name for path in (tarball.folder / "data").rglob("*")) == ["README.md", "cam", "mine.npz"]
    assert not (tarball.folder / "models").exists()
