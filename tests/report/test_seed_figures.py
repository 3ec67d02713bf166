"""Mean and standard deviation over seeds, of files small enough to reckon by hand."""

import json

import pytest

from wsss_core.artifacts import ArtifactError
from wsss_core.params import Params
from wsss_core.report import seeds

METRICS = "reports/metrics/deeplab.json"


@pytest.fixture
def ran(tmp_path):
    """write(seed, **figures): what a seed's run left; returns its folder."""

    def write(seed: int, **figures) -> dict:
        path = tmp_path / str(seed) / METRICS
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"split": "val", "measured_on": "abc"} | figures), encoding="utf-8")
        return {seed: tmp_path / str(seed)}

    return write


def gathered(folders: dict) -> dict[str, seeds.Figure]:
    return {figure.name: figure for figure in seeds.gather(folders, [METRICS], params="p")}


def test_mean_and_sample_sd_by_hand(ran):
    figures = gathered(ran(0, miou=0.5) | ran(1, miou=0.7) | ran(7, miou=0.6))
    assert figures["miou"].values == {0: 0.5, 1: 0.7, 7: 0.6}
    assert (figures["miou"].n, figures["miou"].mean) == (3, pytest.approx(0.6))
    assert figures["miou"].sd == pytest.approx(0.1)  # sqrt((.01 + .01 + 0) / 2); by n it would be .0816


def test_figures_in_groups_have_a_dot_and_texts_are_no_figures(ran):
    figures = gathered(ran(0, iou={"cat": 0.5}, note="none") | ran(1, iou={"cat": 0.5, "dog": 0.1}))
    assert set(figures) == {"iou.cat", "iou.dog"}
    assert figures["iou.cat"].sd == 0
    assert figures["iou.dog"].values == {1: 0.1}, "a seed in which a class does not occur has no figure for it"


def test_times_are_figures_too(tmp_path):
    folders = {}
    for seed, seconds in enumerate((10, 14)):
        path = tmp_path / str(seed) / "reports/times/deeplab.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        folders[seed] = tmp_path / str(seed)
    (figure,) = seeds.gather(folders, ["reports/times/deeplab.json"], params="p")
    assert (figure.file, figure.name, figure.mean, figure.sd) == ("times/deeplab", "seconds", 12, pytest.approx(8**0.5))


def test_a_pattern_finds_the_files_of_all_rounds(ran, tmp_path):
    folders = ran(0, miou=0.5) | ran(1, miou=0.5)
    for folder in folders.values():
        for number in (1, 2):
            (folder / f"reports/metrics/deeplab_round_{number}.json").write_text('{"split": "val", "miou": 0.1}')
    found = seeds.gather(folders, ["reports/metrics/deeplab_round_*.json"], params="p")
    assert [figure.file for figure in found] == ["metrics/deeplab_round_1", "metrics/deeplab_round_2"]


def test_seeds_of_different_data_are_refused(ran):
    folders = ran(0, miou=0.5) | ran(1, miou=0.5, measured_on="other")
    with pytest.raises(ValueError, match=r"different data: metrics/deeplab of 0 and 1; run `dvc repro -f prepare`"):
        gathered(folders)


def test_the_csv_is_read_back_as_it_was_written(ran, tmp_path):
    figures = seeds.gather(ran(3, miou=0.1, iou={"cat": 1}) | ran(1, miou=0.3), [METRICS], params="p")
    (tmp_path / "rrm.csv").write_text(seeds.as_csv(figures), encoding="utf-8")
    assert seeds.read_csv(tmp_path / "rrm.csv") == figures
    header, first, single = seeds.as_csv(figures).splitlines()
    assert header == "file,split,supervision,measured_on,params,figure,n,mean,sd,seed_1,seed_3"
    assert first.startswith("metrics/deeplab,val,I,abc,p,miou,2,0.2,0.141421356") and first.endswith(",0.3,0.1")
    assert single.endswith(",iou.cat,1,1.0,,,1.0"), "one value has no spread"


@pytest.mark.parametrize("text", ["file,split\na,b\n", "no table", "\x00"])
def test_a_file_that_is_no_table_of_seeds_is_told(tmp_path, text):
    (tmp_path / "x.csv").write_text("file,split,n\nmetrics/a,val,x\n" + text)
    with pytest.raises(ArtifactError, match=r"x\.csv is no table of `wsss seeds`; delete it"):
        seeds.read_csv(tmp_path / "x.csv")


def test_the_table_shows_per_cent_and_says_over_how_many(ran):
    folders = ran(0, miou=0.5, coverage=1) | ran(1, miou=0.7, coverage=1)
    header, line = seeds.table(seeds.gather(folders, [METRICS], params="p"))
    cells = dict(zip(header, line, strict=True))
    assert cells["n"] == "2"
    assert (cells["mIoU"], cells["coverage"], cells["labelled"]) == ("60.0 ± 14.1", "100.0 ± 0.0", "-")


def test_figures_of_other_data_are_left_out_and_those_of_other_parameters_say_so(ran, tmp_path, monkeypatch):
    figures = seeds.gather(ran(0, miou=0.5) | ran(1, miou=0.7), [METRICS], params="then")
    monkeypatch.chdir(tmp_path)
    seeds.FOLDER.mkdir(parents=True)
    (seeds.FOLDER / "rrm.csv").write_text(seeds.as_csv(figures))
    assert seeds.current({"val": "other"}, params="then") == []
    assert [line[0] for line in seeds.current({"val": "abc"}, params="then")[1:]] == ["DeepLab"]
    assert [line[0] for line in seeds.current({"val": "abc"}, params="now")[1:]] == ["DeepLab, of other parameters"]


def test_the_digest_of_parameters_leaves_the_seed_out_alone():
    shipped = Params()
    assert seeds.but_the_seed(shipped) == seeds.but_the_seed(shipped.model_copy(update={"seed": 3}))
    other = shipped.evaluate.model_copy(update={"tuning_every": 3})
    assert seeds.but_the_seed(shipped) != seeds.but_the_seed(shipped.model_copy(update={"evaluate": other}))
