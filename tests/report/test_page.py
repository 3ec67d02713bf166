import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from workspace import tiny_params

from wsss_core import layout, registry
from wsss_core.artifacts import ArtifactError
from wsss_core.evaluation.label_shares import LabelShares
from wsss_core.params import validate
from wsss_core.report import contents, page, strips
from wsss_core.report.results import Results
from wsss_core.report.strips import Column

VOID = {"img", "meta", "br"}
PIPELINE = contents.of_pipeline()


def page_of(method: str) -> contents.Contents:
    return registry.part(method, "page").page(validate(tiny_params(), source="tiny"))


class Balance(HTMLParser):
    """Checks that every element is closed where it was opened; notes attributes and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.addresses += [named[key] for key in ("href", "src", "xlink:href") if key in named]
        if tag == "img":
            self.images.append(named)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.addresses += [value for key, value in attributes if key in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words += data.split()

    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture
def report(tmp_path, index_of, masks):
    """Render a page of a data set whose metrics files are given by name."""

    def render(
        *, train=None, val=None, metrics=None, columns=(), links=(), masked=(), shown=PIPELINE, **index
    ) -> Balance:
        dataset = index_of(train=train or {"a": (1,)}, val=val, **index)
        for name in masked:
            masks.arrays[name] = np.zeros((4, 8), dtype=np.uint8)
        folders = [tmp_path / name for name in ("metrics", "history", "plots", "confusion", "classes")]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        always = {"cam": {}} if "cam" in shown.rows else {}
        for name, content in {**always, **(metrics or {})}.items():
            text = json.dumps({"split": "train", **content})
            (folders[0] / f"{name}.json").write_text(text, encoding="utf-8")
        drawn = {
            split: strips.draw(dataset, masks, ids=dataset.ids(split), columns=columns)
            for split in ("train", "val")
        }
        results = Results(
            *folders,
            strips=drawn,
            label_shares=dict.fromkeys(shown.counted, LabelShares(0.5, 0.25, 0.25)),
            settings={"Seed": "7"},
            links=links,
            rows=shown.rows,
            trainings=shown.trainings,
            saliency=shown.saliency,
            snapshot_scores=folders[2] / shown.snapshot_scores.name if shown.snapshot_scores else None,
        )
        return Balance(page.render(dataset, masks, results))

    return render


def test_a_page_says_on_how_many_images_its_figures_rest(report):
    metrics = {"fused": {"miou": 0.5, "num_images": 1}}
    text = report(train={"a": (1,), "b": (1,)}, masked=["a"], metrics=metrics).text()
    assert "Figures on train rest on the 1 of its 2 images that have a mask." in text
    assert "train, 1 50.0" in text


def test_the_page_needs_nothing_but_itself(report, tmp_path):
    shown = report(train={"a": (1,)}, val={"b": ()}, links=[tmp_path / "rrm.html"])
    assert shown.images
    outside = [address for address in shown.addresses if not address.startswith(("data:image/", "#"))]
    assert outside == ["rrm.html"]


def test_ids_and_names_of_the_user_are_text_and_never_markup(report):
    name, label = '<script>alert("1")</script> é', "<b>&cat"
    shown = report(train={name: (1,)}, classes=(label, "dog"))
    assert name in shown.text()
    assert label in shown.text()
    assert any(name in image["alt"] for image in shown.images)


def test_every_picture_is_described(report):
    labels = np.zeros((4, 8), dtype=np.uint8)
    shown = report(columns=[Column("Fused", "labels", lambda *_: labels)], masked=["a"])
    assert [image["alt"] for image in shown.images] == ["Photograph of a", "Fused of a", "True mask of a"]


def test_gains_are_shown_within_a_split_only(report):
    metrics = {"cam": {"miou": 0.40}, "cam_crf": {"miou": 0.45}, "random_walk": {"miou": 0.425},
               "deeplab": {"miou": 0.9, "split": "val"}}  # fmt: skip
    text = report(metrics=metrics).text()
    assert re.findall(r"[+-]\d+\.\d", text) == ["+5.0", "+2.5"]  # both over the CAM: the row to beat is a branch


def test_gains_are_shown_within_one_supervision_only_and_both_kinds_are_marked(report):
    learnt = {"supervision": "I+S"}
    metrics = {"cam": {"miou": 0.40}, "random_walk": {"miou": 0.425}, "fused": {"miou": 0.6, **learnt},
               "pseudo_labels": {"miou": 0.61, **learnt}}  # fmt: skip
    text = report(metrics=metrics).text()
    assert re.findall(r"[+-]\d+\.\d", text) == ["+2.5", "+1.0"]
    assert "From image tags, and saliency learnt from masks of other pictures (I+S) to" in text
    assert "figures of both kinds do not compare" in text


def test_a_page_of_image_tags_alone_says_nothing_of_saliency(report):
    assert "I+S" not in report(metrics={"cam": {"miou": 0.40}, "fused": {"miou": 0.5}}).text()


def test_deeplabs_share_of_full_supervision_is_stated(report):
    metrics = {"deeplab": {"miou": 0.3, "split": "val"}, "full_supervision": {"miou": 0.4, "split": "val"}}
    text = report(val={"b": (1,)}, masked=["b"], metrics=metrics, shown=contents.of_pipeline("full_supervision")).text()
    assert "(75.0 % of full supervision)" in text
    assert "page of its own" not in text


def test_a_method_of_another_graph_stays_on_its_own_page(report):
    metrics = {"deeplab": {"miou": 0.3, "split": "val"}, "full_supervision": {"miou": 0.4, "split": "val"}}
    text = report(val={"b": (1,)}, masked=["b"], metrics=metrics).text()
    assert "of full supervision)" not in text
    assert "has a page of its own" not in text  # it is made already, and linked


def test_the_upper_bound_is_offered_where_it_was_never_made(report):
    text = report(val={"b": (1,)}, masked=["b"], metrics={"deeplab": {"miou": 0.3, "split": "val"}}).text()
    assert "has a page of its own: dvc repro pipelines/full_supervision/dvc.yaml makes it" in text


def test_iou_of_each_class_stands_in_the_table(report):
    text = report(metrics={"cam": {"miou": 0.4, "iou": {"background": 0.613, "dog": 0.227}}}).text()
    assert re.search(r"61\.3 \N{EN DASH} 22\.7", text)  # no pixel of cat: absent, not 0


def test_what_is_absent_is_said_with_its_reason(report):
    text = report(val={}).text()
    assert "No training image has a mask" in text
    assert "The validation split is empty" in text
    assert "oracle:" not in text


def test_nothing_is_excused_where_all_is_there(report):
    metrics = {"full_supervision": {"miou": 0.4, "split": "val"}}
    shown = report(val={"b": (1,)}, masked=["a", "b"], metrics=metrics)
    assert "No training image" not in shown.text()
    assert "is empty" not in shown.text()


def test_pixel_supervision_is_owned_up_to(report):
    assert "the tags come from pixel labels" in report(supervision="pixels").text()


def test_counts_of_images_masks_and_tags_head_the_page(report):
    text = report(train={"a": (1,), "b": (1, 2)}, val={"c": (2,)}, masked=["a"]).text()
    assert "2 images, 1 with a mask" in text
    assert "cat 2 + 0" in text
    assert "dog 1 + 1" in text


def test_saliency_scores_are_shown_where_they_were_measured(report):
    assert "max F 0.742" in report(metrics={"saliency": {"max_f": 0.7421, "mae": 0.1}}).text()


def test_no_saliency_scores_without_masks(report):
    assert "max F" not in report(metrics={"saliency": {"num_images": 0, "note": "no masks"}}).text()


@pytest.fixture
def figures_of_all(tmp_path):
    """Histories and confusions of three graphs, as they gather in the folders, and one table of moments."""
    for folder in ("history", "plots", "confusion"):
        (tmp_path / folder).mkdir()
    for name, term in {"train_cam": "presence", "full_supervision": "overlap", "rrm": "energy"}.items():
        (tmp_path / f"history/{name}.tsv").write_text(f"step\tlr\t{term}\n1\t0.1\t2\n", encoding="utf-8")
    rows = "truth,background,cat,dog\nbackground,3,1,0\ncat,0,5,0\ndog,0,0,0\n"
    for name in ("pseudo_labels", "full_supervision", "rrm"):
        (tmp_path / f"confusion/{name}.csv").write_text(rows, encoding="utf-8")
    snapshot_scores = "step,miou_labelled,right,coverage\n1,0.4,0.5,0.1\n2,0.6,0.7,0.2\n"
    (tmp_path / "plots/rrm_labels.csv").write_text(snapshot_scores, encoding="utf-8")


@pytest.mark.usefixtures("figures_of_all")
def test_curves_and_confusions_of_the_pipeline_and_the_network_beside_it_are_shown(report):
    text = report(shown=contents.of_pipeline("full_supervision")).text()
    assert text.index("CAM network") < text.index("presence") < text.index("overlap")
    assert "background 75 25 cat 100 dog - - -" in text.replace("\N{EN DASH}", "-")
    assert text.count("true ↓") == 2
    assert "energy" not in text


@pytest.mark.usefixtures("figures_of_all")
def test_the_page_of_a_method_shows_its_own_figures_and_none_of_the_pipeline(report):
    metrics = {
        "cam": {"miou": 0.9, "oracle_threshold": 0.5},  # with no sweep beside it: it is not even opened
        "saliency": {"max_f": 0.7421},
        "rrm": {"miou": 0.125, "split": "val"},
        "aalr": {"miou": 0.8, "split": "val"},
    }
    page_of_rrm = page_of("rrm")
    text = report(val={"b": (1,)}, masked=["a", "b"], metrics=metrics, shown=page_of_rrm).text()
    assert "RRM val 12.5" in text
    assert "energy" in text
    assert "Labels that the network made for itself" in text
    assert text.count("true ↓") == 1
    for absent in ("CAM (oracle", "CAM network", "90.0", "AA&LR", "max F", "oracle:"):
        assert absent not in text


@pytest.fixture
def moments_without_masks(tmp_path):
    (tmp_path / "plots").mkdir()
    for name in ("rrm", "aalr"):
        header = "step,miou_labelled,right,coverage\n"
        (tmp_path / f"plots/{name}_labels.csv").write_text(header, encoding="utf-8")


@pytest.mark.usefixtures("moments_without_masks")
@pytest.mark.parametrize("name", ["rrm", "aalr"])
def test_the_page_of_a_method_renders_without_any_artifact_of_the_pipeline(report, name):
    shown = report(shown=page_of(name))
    assert "No metrics have been written" in shown.text()
    assert "Labels that the network made for itself" not in shown.text()
    assert [image["alt"] for image in shown.images] == ["Photograph of a"]


@pytest.mark.usefixtures("moments_without_masks")
@pytest.mark.parametrize(("name", "counted"), [("rrm", True), ("aalr", False)])
def test_pixels_are_counted_where_the_graph_keeps_label_maps(report, name, counted):
    text = report(shown=page_of(name)).text()
    assert ("Pixels of the training labels" in text) == counted


def test_moments_that_were_never_scored_are_asked_for(report):
    with pytest.raises(ArtifactError, match=r"aalr_labels\.csv is missing; "):
        report(shown=page_of("aalr"))


def test_the_oracle_is_named_on_the_threshold_sweep(report, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/cam_thresholds.csv").write_text("threshold,miou\n0.0,0.1\n0.5,0.4\n", encoding="utf-8")
    shown = report(metrics={"cam": {"oracle_threshold": 0.5, "miou": 0.4}})
    assert "oracle: 0.50, mIoU 40.0 %" in shown.text()


def test_metrics_that_were_never_written_are_asked_for(index_of, masks, tmp_path):
    strips_of_none = {"train": [], "val": []}
    results = Results(*[tmp_path / layout.METRICS] * 5, strips=strips_of_none, label_shares={}, settings={})
    with pytest.raises(ArtifactError, match=r"cam\.json is missing.*dvc repro"):
        page.render(index_of(train={"a": ()}), masks, results)


def test_each_class_has_its_figures_below_the_name_of_what_was_scored(report, tmp_path):
    (tmp_path / "classes").mkdir()
    table = "class,iou,boundary_iou,precision,recall,true_pixels,predicted_pixels\ncat,0.123,0.045,,0.678,1500,0\n"
    (tmp_path / "classes/fused.csv").write_text(table, encoding="utf-8")
    (tmp_path / "classes/rrm.csv").write_text(table.replace("0.123", "0.999"), encoding="utf-8")  # of no row here
    text = report().text()
    assert "Class by class" in text and "99.9" not in text
    shown = "class IoU boundary precision recall true labelled cat 12.3 4.5 \N{EN DASH} 67.8 1.5 0.0"
    assert f"fused with saliency {shown}" in text


def test_the_interval_and_the_boundary_stand_beside_the_miou(report):
    figures = {"miou": 0.5, "miou_low": 0.456, "miou_high": 0.543, "boundary_miou": 0.321, "ece": 0.109}
    text = report(metrics={"fused": figures}).text()
    assert "50.0 45.6 \N{EN DASH} 54.3" in text and "32.1" in text and "10.9" in text


def test_a_page_without_calibration_errors_does_not_speak_of_them(report):
    assert "ECE" not in report(metrics={"fused": {"miou": 0.5}}).text()


def test_calibration_is_drawn_where_it_was_measured(report, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/fused_calibration.csv").write_text("confidence,precision,pixels\n0.5,0.4,10\n")
    (tmp_path / "plots/random_walk_calibration.csv").write_text("confidence,precision,pixels\n")
    text = report().text()
    assert "Calibration of the labels" in text and "right labels" in text


def test_without_calibration_there_is_no_curve_of_it(report, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/fused_calibration.csv").write_text("confidence,precision,pixels\n")
    assert "Calibration" not in report().text()
