"""Which commands of the graphs run again when a file changes: as few as really run it."""

import pytest

from wsss_core import graphs
from wsss_core.code_digest import ROOT

CAM = {"train_cam"}
TRAININGS = {
    "train_cam", "train_affinity", "train_deeplab", "train_deeplab-corrected", "train_deeplab-full_supervision",
    "train_deeplab-rrm_two_step",
    "train_joint-aalr", "train_joint-auxsegnet", "train_joint-rrm", "train_joint-ssnet",
}  # fmt: skip
AFFINITYNET = {"train_affinity", "random_walk"}
OF_RRM = {"train_joint-rrm", "predict-rrm", "pseudo_labels-rrm", "evaluate-rrm", "report-rrm"}
AUXSEGNET_S_NETWORK = {
    "train_joint-auxsegnet", "update_saliency", "update_labels", "predict-auxsegnet", "predict_saliency-auxsegnet",
    "affinity_maps",
}  # fmt: skip
NOTHING: set[str] = set()

TABLE = {
    "stages/fuse.py": {"fuse"},
    "wsss_core/losses/affinity.py": {"train_affinity"},
    "wsss_core/losses/energy.py": {"train_joint-rrm", "train_joint-aalr"},
    "wsss_core/losses/label_reassign.py": {"train_joint-aalr"},
    "wsss_core/inference/cam.py": {"infer_cam"},
    "wsss_core/methods/cam/objective.py": CAM,
    "wsss_core/methods/affinitynet/network.py": AFFINITYNET,
    "wsss_core/methods/affinitynet/walk.py": {"random_walk"},
    "wsss_core/methods/affinitynet/labels.py": {"affinity_labels"},
    "wsss_core/methods/auxsegnet/network.py": AUXSEGNET_S_NETWORK,
    "wsss_core/methods/ssnet/recipe.py": {"train_joint-ssnet"},
    "wsss_core/methods/rrm/page.py": {"report-rrm"},
    "wsss_core/methods/rrm/titles.py": {"evaluate-rrm", "report-rrm"},
    "wsss_core/models/pretrained.py": TRAININGS,
    "wsss_core/models/mxnet_params.py": TRAININGS | {"saliency"},
    "wsss_core/ops/random_walk.py": {"random_walk"},
    "wsss_core/ops/fusion/soft.py": {"fuse", "saliency", "first_labels", "update_labels", "train_joint-ssnet"},
    "wsss_core/ops/saliency/detectors/rbd.py": {"saliency"},
    "wsss_core/ops/saliency/detectors/mbd_plus.py": NOTHING,
    "wsss_core/scenes/generator.py": {"prepare", "digests"},  # which always runs, and whose code no stage depends on
    "wsss_core/data/formats/voc.py": {"prepare"},
    "wsss_core/problems.py": NOTHING,
    "wsss_core/remedies.py": NOTHING,
    "wsss_core/frame/stage.py": NOTHING,
    "wsss_core/runtime/shortage.py": NOTHING,
    "wsss_core/cli/predict.py": NOTHING,
    "wsss_core/params.py": NOTHING,
}
"""A file -> the commands whose digest it changes; what they make, where it changes, has others follow."""


@pytest.fixture(scope="module")
def closures() -> dict[str, set[str]]:
    """Command -> the files of its digest, with the shipped parameters."""
    cmds = [stage["cmd"] for graph in graphs.files(ROOT) for stage in graphs.stages(graph).values()]
    codes = {graphs.code_of(cmd, detector="rbd") for cmd in cmds}
    return {graphs.name_of(code): {path.as_posix() for path in code.closure()} for code in codes}


@pytest.mark.parametrize("file", TABLE)
def test_a_changed_file_runs_again_what_runs_it(closures, file):
    assert (ROOT / file).is_file()
    assert {command for command, files in closures.items() if file in files} == TABLE[file]


def test_a_photograph_s_way_to_its_label_passes_45_modules_at_most(closures):
    way = set().union(*(closures[command] for command in ("infer_cam", "random_walk", "fuse", "refine_crf")))
    assert len(way) <= 45, sorted(way)


@pytest.mark.parametrize("file", ["wsss_core/ops/lattice.py", "wsss_core/ops/crf.py"])
def test_a_crf_trains_no_network_that_does_not_use_it_and_infers_no_cam(closures, file):
    without = ("train_cam", "infer_cam", "train_affinity", "random_walk", "train_deeplab", "train_joint-ssnet")
    assert not [command for command in without if file in closures[command]]


def test_a_method_is_nothing_to_others(closures):
    """But for the commands that make its own labels: so it stays when a further method is added."""
    owners = {"affinitynet": AFFINITYNET | {"affinity_labels", "report-affinitynet"}, "rrm": OF_RRM}
    for method, own in owners.items():
        files = {file for files in closures.values() for file in files if f"/methods/{method}/" in file}
        assert {command for command, theirs in closures.items() if files & theirs} == own
