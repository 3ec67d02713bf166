"""What is exported, under which names, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sets import ALL, CLASSES, random_map, write, write_manifest, write_set

from wsss_core import artifacts, layout
from wsss_core.data.index import Index
from wsss_core.exchange import format as formats
from wsss_core.exchange import label_sets
from wsss_core.exchange.format import ExchangeError, Options
from wsss_core.exchange.label_sets import LEGEND, find, open_set

SQUARE = np.pad(np.ones((3, 4), np.uint8), ((1, 4), (2, 3)))


def test_coco_numbers_classes_by_their_labels_and_writes_upright_sizes():
    write(write_set({"sub/a": SQUARE}), "coco", Path("out"))
    content = json.loads(Path("out/annotations/instances_train.json").read_text())
    assert content["images"] == [{"id": 1, "file_name": "sub/a.png", "width": 9, "height": 8}]
    assert [(each["id"], each["name"]) for each in content["categories"]] == [*enumerate(CLASSES, start=1)]
    assert content["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[2, 1, 6, 1, 6, 4, 2, 4]], "area": 12,
         "bbox": [2, 1, 4, 3], "iscrowd": 0}
    ]  # fmt: skip


def test_yolo_writes_points_inside_their_pixels_and_a_file_for_every_photograph():
    write(write_set({"a": SQUARE, "b": np.zeros((8, 9), np.uint8)}), "yolo", Path("out"), photographs="link")
    number, *shares = Path("out/labels/train/a.txt").read_text().split()
    points = np.array(shares, float).reshape(-1, 2) * [9, 8]
    assert number == "0"
    assert points.astype(np.int32).tolist() == [[2, 1], [5, 1], [5, 3], [2, 3]]
    assert Path("out/labels/train/b.txt").read_text() == ""
    assert Path("out/images/train/a.png").is_symlink()
    lines = Path("out/data.yaml").read_text().splitlines()
    assert lines[0] == "train: images/train" and lines[1].startswith("val: images/train  # ")
    assert lines[2:] == ["names:", '  0: "cat"', '  1: "dog"', '  2: "table lamp"']


def test_cvat_gets_colours_that_its_table_names_and_one_for_each_object():
    labels = np.array([[1, 0, 1], [255, 0, 3]], np.uint8)
    write(write_set({"a": labels}), "cvat-masks", Path("out"))
    table = Path("out/labelmap.txt").read_text().splitlines()
    assert table == ["background:0,0,0::", "cat:128,0,0::", "dog:0,128,0::", "table lamp:128,128,0::"]
    with Image.open("out/SegmentationClass/a.png") as image:
        assert image.mode == "RGB"
        assert {colour for _, colour in image.getcolors()} == {(0, 0, 0), (128, 0, 0), (128, 128, 0)}
    with Image.open("out/SegmentationObject/a.png") as image:
        assert len(image.getcolors()) == 4
    assert Path("out/ImageSets/Segmentation/train.txt").read_text() == "a\n"


def test_label_studio_gets_predictions_that_its_interface_names():
    labels = np.array([[1, 1, 3]], np.uint8)
    write(write_set({"sub/a b": labels}), "label-studio", Path("out"), options=Options(image_root_url="http://h/"))
    (task,) = json.loads(Path("out/tasks.json").read_text())
    assert task["data"]["image"] == "http://h/sub/a%20b.png"
    results = task["predictions"][0]["result"]
    assert [result["value"]["brushlabels"] for result in results] == [["cat"], ["table lamp"]]
    assert len({result["id"] for result in results}) == 2
    assert {(r["from_name"], r["to_name"], r["original_width"], r["original_height"]) for r in results} == {
        ("label", "image", 3, 1)
    }
    config = Path("out/label_config.xml").read_text()
    assert '<BrushLabels name="label" toName="image">' in config
    assert '<Label value="table lamp" background="#808000"/>' in config


def test_label_studios_tasks_are_split_into_files():
    write(write_set({name: SQUARE for name in "abcde"}), "label-studio", Path("out"),
          options=Options(tasks_per_file=2))  # fmt: skip
    counts = {path.name: len(json.loads(path.read_text())) for path in Path("out").glob("tasks*")}
    assert counts == {"tasks_001.json": 2, "tasks_002.json": 2, "tasks_003.json": 1}


def test_folders_are_grey_unless_a_palette_is_asked_for():
    index = write_set({"a": SQUARE})
    for mode, options in (("L", Options()), ("P", Options(palette=True))):
        write(index, "folders", Path(mode), options=options)
        with Image.open(Path(mode) / "ann_dir/train/a.png") as image:
            assert image.mode == mode
    assert json.loads(Path("L/id2label.json").read_text()) == dict(zip("0123", ("background", *CLASSES), strict=True))


@pytest.mark.parametrize("name", ALL)
def test_a_photograph_that_exif_turns_lies_upright_beside_its_mask(name):
    index = write_set({"a": SQUARE}, suffix=".jpg")
    path = index.path("a")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 9)).save(path, exif=exif)  # stored lying: 8 wide, 9 high
    summary = write(index, name, Path("out"), photographs="link")
    assert summary.turned == ["a.jpg"]
    (copy,) = Path("out").rglob("a.jpg")
    with Image.open(copy) as image:
        assert (image.size, image.getexif().get(0x0112)) == ((9, 8), None)


def test_of_a_turned_photograph_that_is_no_jpeg_a_png_is_named():
    index = write_set({"a": SQUARE}, suffix=".webp")
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (8, 9)).save(index.path("a"), exif=exif)
    write(index, "coco", Path("out"), photographs="copy")
    content = json.loads(Path("out/annotations/instances_train.json").read_text())
    assert content["images"][0]["file_name"] == "a.png"
    assert Path("out/images/a.png").is_file()


def test_names_that_repeat_in_folders_are_refused_unless_paths_count():
    index = write_set({"x/a": SQUARE, "y/A": SQUARE, "y/b": SQUARE})
    with pytest.raises(ExchangeError, match=r"1 names of photographs .*\(x/a.png, y/A.png\).*--by-path"):
        write(index, "coco", Path("out"))
    assert not Path("out").exists()
    write(index, "coco", Path("out"), options=Options(by_path=True))


def test_where_other_labels_agree_a_region_is_certain():
    index = write_set({"a": SQUARE})
    others = np.where(np.arange(9) < 3, SQUARE, 2).astype(np.uint8)  # of the four columns of 1 the first
    write(index, "coco", Path("out"), others=lambda image_id: others)
    assert Path("out/review.csv").read_text().splitlines()[1:] == ["a.png,cat,0.2500,12,2,1,4,3"]


def test_what_lies_at_the_output_is_never_replaced():
    index = write_set({"a": SQUARE})
    Path("out").mkdir()
    write(index, "coco", Path("out"))
    with pytest.raises(ExchangeError, match="out is there already, and may hold corrections"):
        write(index, "coco", Path("out"))


def test_what_appears_at_the_output_meanwhile_is_not_replaced_either(monkeypatch):
    index = write_set({"a": SQUARE})

    def written_while_somebody_corrects(pictures, *given):
        artifacts.write_text(Path("out/mine.json"), str(len(list(pictures))))
        return []

    monkeypatch.setattr(formats.of("coco"), "write", written_while_somebody_corrects)
    with pytest.raises(ExchangeError, match="out is there already"):
        write(index, "coco", Path("out"))
    assert [path.name for path in Path().rglob("out/*")] == ["mine.json"]



def test_a_broken_map_leaves_nothing_half_written():
    index = write_set({"a": SQUARE, "b": SQUARE})
    artifacts.png_path(layout.PSEUDO_LABELS, "b").write_bytes(b"no picture")
    with pytest.raises(artifacts.ArtifactError, match="is not what drawn wrote"):
        write(index, "coco", Path("out"))
    (layout.PSEUDO_LABELS / artifacts.MANIFEST).unlink()
    with pytest.raises(artifacts.ArtifactError, match=r"b.png cannot be read"):
        write(index, "coco", Path("out"))
    assert [path.name for path in Path().iterdir()] == ["data"]


def test_mostly_ignored_photographs_are_left_out():
    half, none = SQUARE.copy(), SQUARE.copy()
    half[:4] = 255
    index = write_set({"half": half, "none": none})
    summary = write(index, "coco", Path("out"), max_ignore=0.4)
    assert (summary.pictures, summary.left_out) == (1, 1)
    with pytest.raises(ExchangeError, match="no label map is left"):
        write(write_set({"half": half, "none": half}), "coco", Path("more"), max_ignore=0.4)


def test_the_name_of_ignored_pixels_is_none_of_a_class():
    with pytest.raises(ExchangeError, match="--ignore-as dog is the name of a class"):
        write(write_set({"a": SQUARE}), "coco", Path("out"), ignore_as="dog")


def test_artifacts_are_found_by_the_ends_of_their_paths():
    write_set({"a": SQUARE})
    for folder in ("data/predictions/rrm", "data/pseudo_labels/rrm", "data/pseudo_labels/auxsegnet/round_2"):
        artifacts.write_labels(Path(folder), "a", SQUARE)
        write_manifest(Path(folder))
    assert find("affinitynet") == find("data/pseudo_labels/affinitynet/") == layout.PSEUDO_LABELS
    assert find("auxsegnet round_2") == find("auxsegnet/round_2") == Path("data/pseudo_labels/auxsegnet/round_2")
    with pytest.raises(ExchangeError, match="rrm means data/predictions/rrm and data/pseudo_labels/rrm"):
        find("rrm")
    with pytest.raises(ExchangeError, match=r"no label maps afinitynet; did you mean 'affinitynet'\?; there are data/"):
        find("afinitynet")


def test_the_output_of_predict_is_exported_with_its_photographs(rng):
    maps = {"x/a": random_map(rng, 9, 12), "b": random_map(rng, 5, 6)}
    for name, labels in maps.items():
        artifacts.write_labels(Path("masks"), name, labels)
        photograph = Path("mine") / f"{name}.JPG"
        photograph.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", labels.shape[::-1]).save(photograph)
    with pytest.raises(ExchangeError, match=r"masks has no classes.txt .* no data set here"):
        open_set(Path("masks"), index=None, images=None)
    (Path("masks") / LEGEND).write_text("0 background\n1 cat\n2 dog\n3 table lamp\n")
    with pytest.raises(ExchangeError, match="nothing tells of which photographs .* give --images"):
        open_set(Path("masks"), index=None, images=None)
    with pytest.raises(ExchangeError, match=r"2 of 2 label maps of masks have no photograph, or several, in mine/x"):
        open_set(Path("masks"), index=None, images=Path("mine/x"))
    labels = open_set(Path("masks"), index=None, images=Path("mine"))
    index = Index("folder", "mine", CLASSES, {}, {}, "tags")
    write(index, "coco", Path("out"), labels=labels)
    content = json.loads(Path("out/annotations/instances_default.json").read_text())
    assert {image["file_name"] for image in content["images"]} == {"x/a.JPG", "b.JPG"}
    write(index, "yolo", Path("yolo"), labels=labels, photographs="copy")
    assert Path("yolo/images/default/x/a.JPG").is_file()


def test_maps_of_photographs_elsewhere_are_told():
    index = write_set({"a": SQUARE})
    artifacts.write_labels(Path("masks"), "z", SQUARE)
    with pytest.raises(ExchangeError, match=r"1 of 1 label maps of masks are of no photograph of the data set \(z\)"):
        open_set(Path("masks"), index=index, images=None)


def test_confidences_come_from_scores_beside_the_maps_else_from_the_stage_before():
    index = write_set({"a": SQUARE})
    assert open_set(layout.PSEUDO_LABELS, index=index, images=None).scored_in is None
    scores = artifacts.Scores(np.array([0, 1]), np.full((2, 8, 9), 0.5), (8, 9))
    for folder in (layout.RANDOM_WALK, layout.FUSED, layout.PSEUDO_LABELS):
        artifacts.write_scores(folder, "a", scores)
        assert label_sets._scores(layout.PSEUDO_LABELS, ["a"], lambda folder: _Of(folder))[1] == folder


class _Of:
    def __init__(self, folder):
        self.scores = folder

