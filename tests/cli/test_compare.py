"""`wsss compare`: one line for each method that ran, as text, CSV and a page."""

import csv
import json
import shutil

import pytest
from workspace import Workspace, error_message, run_graph

from wsss_core import layout
from wsss_core.cli.main import main
from wsss_core.params import load_params
from wsss_core.report import comparison, seeds

ALL = ["AffinityNet + DeepLab", "RRM", "RRM, two steps", "AA&LR", "AuxSegNet", "SSNet", "full supervision (true masks)"]


@pytest.fixture(scope="module")
def compared(joint_finished: Workspace, tmp_path_factory) -> tuple[Workspace, str]:
    """Every graph and the comparison after them, with its output."""
    made = joint_finished.copied_to(tmp_path_factory.mktemp("compare") / "work")
    run_graph(made, "full_supervision")
    result = made.invoke(main, "compare")
    assert result.exit_code == 0, result.output
    return made, result.output


def rows(workspace: Workspace) -> list[dict[str, str]]:
    text = (workspace.folder / "reports/compare.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_every_method_has_a_line_and_no_graph_is_missing(compared):
    workspace, text = compared
    assert [row["title"] for row in rows(workspace)] == ALL
    assert "not run yet" not in text
    said = " ".join(text.split())
    for name in ("RRM", "AA&LR"):
        assert f" {name}: it makes its labels anew" in said, "why they have no figure for labels"
    assert all(any(line.startswith(f"{title} ") for line in text.splitlines()) for title in ALL)


def test_figures_are_those_that_the_graphs_wrote(compared):
    workspace, _ = compared
    found = {row["title"]: row for row in rows(workspace)}

    def metrics(name: str) -> dict:
        return json.loads((workspace.folder / layout.METRICS / f"{name}.json").read_text(encoding="utf-8"))

    assert float(found["RRM"]["val"]) == metrics("rrm")["miou"]
    assert float(found["AffinityNet + DeepLab"]["labels"]) == metrics("pseudo_labels")["miou"]
    assert float(found["AuxSegNet"]["labels"]) == metrics("auxsegnet_rounds/round_3")["miou"], "what round 4 learnt"
    assert float(found["SSNet"]["max_f"]) == metrics("ssnet_saliency")["max_f"]
    bound = metrics("full_supervision")["miou"]
    assert float(found["SSNet"]["share"]) == pytest.approx(metrics("ssnet")["miou"] / bound)
    assert float(found["full supervision (true masks)"]["share"]) == 1


def test_no_figure_is_missing_where_there_should_be_one(compared):
    for row in rows(compared[0]):
        assert all(row[name] for name in ("val", "share", "seconds", "parameters", "supervision"))
        assert float(row["seconds"]) > 0 and int(row["parameters"]) > 1000
        has_maps = row["title"] in ("AffinityNet + DeepLab", "SSNet", "AuxSegNet")
        assert bool(row["max_f"]) == bool(row["mae"]) == has_maps
        without = ("RRM", "AA&LR", "full supervision (true masks)")
        assert bool(row["labels"]) == (row["title"] not in without)


def test_times_are_those_of_all_trainings_of_a_method(compared):
    workspace, _ = compared
    times = {path.stem: json.loads(path.read_text())["seconds"] for path in (workspace.folder / layout.TIMES).iterdir()}
    found = {row["title"]: float(row["seconds"]) for row in rows(workspace)}
    assert found["RRM, two steps"] == pytest.approx(times["train_cam"] + times["rrm"] + times["rrm_two_step"])
    rounds = sum(times[f"auxsegnet_round_{number}"] for number in (1, 2, 3, 4))
    assert found["AuxSegNet"] == pytest.approx(times["train_cam"] + rounds)


def test_the_cam_network_counts_where_a_training_begins_with_it(compared):
    params = load_params(compared[0].folder / "params.yaml")
    without_cam = {"train_deeplab": params.train_deeplab.model_copy(update={"init": "backbone"}),
                   "rrm": params.rrm.model_copy(update={"schedule": "init"})}  # fmt: skip
    before, after = (
        {method.name for method in comparison.methods(p) if "train_cam" in method.trainings}
        for p in (params, params.model_copy(update=without_cam))
    )
    assert before - after == {"rrm", "rrm_two_step", "full_supervision"}
    assert after == {"deeplab", "aalr", "auxsegnet"}


def test_rows_stand_in_blocks_by_supervision(compared):
    workspace, text = compared
    found = {row["title"]: row["supervision"] for row in rows(workspace)}
    assert found == {
        **dict.fromkeys(ALL[:5], "I"), "SSNet": "I+S", "full supervision (true masks)": "F",
    }  # fmt: skip
    table = text.partition("labels: what")[0].splitlines()
    assert [k for k, line in enumerate(table) if not line] == [6, 8], "a blank line before another kind"


def test_rows_of_another_run_stand_beside_these_in_the_block_of_their_kind(compared, tmp_path):
    workspace, _ = compared
    lines = (workspace.folder / "reports/compare.csv").read_text(encoding="utf-8").splitlines()
    with_saliency = [line[: -len("I")] + "I+S" if line.endswith(",I") else line for line in lines]
    (tmp_path / "u2netp.csv").write_text("\n".join(with_saliency) + "\n", encoding="utf-8")
    result = workspace.invoke(main, "compare", "--beside", tmp_path / "u2netp.csv")
    assert result.exit_code == 0, result.output
    table = [line for line in result.output.partition("labels: what")[0].splitlines()[1:] if line]
    assert [line.split()[-1] for line in table] == ["I"] * 5 + ["I+S"] * 7 + ["F"] * 2
    assert "RRM, u2netp" in result.output
    assert [row["title"] for row in rows(workspace)] == ALL, "its own table holds its own rows"


def test_its_own_table_does_not_stand_beside_itself_and_is_not_replaced(tmp_path):
    workspace = Workspace(tmp_path / "run")
    table = workspace.folder / "reports/compare.csv"
    table.parent.mkdir()
    table.write_text("of another run", encoding="utf-8")
    for name in (table, "reports/../reports/compare.csv"):
        message = error_message(workspace.invoke(main, "compare", "--beside", name), code=1)
        assert f"{name} is read here and would be replaced" in message
    assert table.read_text(encoding="utf-8") == "of another run"


@pytest.mark.parametrize("content", ["", "title,val\nRRM,0.5\n", "no table"])
def test_a_file_that_is_no_comparison_is_refused(compared, tmp_path, content):
    (tmp_path / "other.csv").write_text(content, encoding="utf-8")
    message = error_message(compared[0].invoke(main, "compare", "--beside", tmp_path / "other.csv"), code=1)
    assert message.endswith("other.csv is no table of `wsss compare`; give the reports/compare.csv of another run")


def test_the_page_shows_the_table_and_the_same_images_for_all(compared):
    text = (compared[0].folder / "reports/compare.html").read_text(encoding="utf-8")
    assert "Made by <code>wsss compare</code>" in text and '<a href="#comparison">All methods</a>' in text
    assert "All methods" in text and "supervision" in text
    assert "Training images after every stage" not in text
    assert all(title.replace("&", "&amp;") in text for title in ALL[1:])
    assert text.count("<img") == 2 * (1 + len(ALL) + 1)


def test_graphs_that_did_not_run_are_named(joint):
    shutil.rmtree(joint.folder / "models/aalr")
    (joint.folder / layout.METRICS / "aalr.json").unlink()
    text = joint.invoke(main, "compare").output
    assert "not run yet on this data: dvc repro pipelines/aalr/dvc.yaml" in text
    assert "not run yet on this data: dvc repro pipelines/full_supervision/dvc.yaml" in text
    assert "AA&LR" not in {row["title"] for row in rows(joint)}


def test_what_was_measured_on_other_masks_has_no_line(joint):
    mask = min((joint.folder / joint.params["dataset"]["root"] / "SegmentationClass").glob("*.png"))
    before = mask.read_bytes()
    mask.write_bytes(before + b"\0")
    text = error_message(joint.invoke(main, "compare"), code=1)
    assert text.startswith("no graph has run to its metrics on the data as it is now")
    joint.run("evaluate")
    result = joint.invoke(main, "compare")
    assert [row["title"] for row in rows(joint)] == ["AffinityNet + DeepLab"]
    assert "not run yet on this data: dvc repro pipelines/rrm/dvc.yaml" in result.output


def test_nothing_to_compare(workspace):
    assert error_message(workspace.run("prepare").invoke(main, "compare"), code=1) == (
        "no graph has run to its metrics on the data as it is now; run `dvc repro`, then those in pipelines/"
    )


def test_what_ran_over_seeds_stands_in_a_table_of_its_own(compared):
    workspace, _ = compared
    table = workspace.folder / "reports/seeds/affinitynet.csv"
    table.parent.mkdir()
    content = json.loads((workspace.folder / layout.METRICS / "deeplab.json").read_text(encoding="utf-8"))
    on, params = content["measured_on"], seeds.but_the_seed(load_params(workspace.folder / "params.yaml"))
    figure = seeds.Figure("metrics/deeplab", "val", "I", on, params, "miou", {0: 0.5, 1: 0.7})
    table.write_text(seeds.as_csv([figure]), encoding="utf-8")
    result = workspace.invoke(main, "compare")
    assert result.exit_code == 0, result.output
    assert "60.0 ± 14.1" in result.output
    page = (workspace.folder / "reports/compare.html").read_text(encoding="utf-8")
    assert "Over seeds" in page and "60.0 ± 14.1" in page
