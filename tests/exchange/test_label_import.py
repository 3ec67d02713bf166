"""Only label maps of the photographs and classes here are brought back; else a sentence tells, and nothing changes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sets import write, write_set

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.cli.outputs import is_label_map
from wsss_core.exchange import format as formats
from wsss_core.exchange.incoming import import_labels

OUT, MINE = Path("out"), layout.CORRECTED / "mine"
SQUARE = np.pad(np.ones((3, 4), np.uint8), ((1, 4), (2, 3)))


def bring(index, target: str, source: Path = OUT, **options):
    return import_labels(source, formats.of(target), index, **({"name": "mine", "ignore_as": "ignore"} | options))


def refused(index, target: str, source: Path = OUT, **options) -> str:
    """The sentence; an earlier import stays as it was, and nothing else appears."""
    before = {path: path.is_file() and path.read_bytes() for path in layout.CORRECTED.rglob("*")}
    with pytest.raises(ValueError) as caught:
        bring(index, target, source, **options)
    assert {path: path.is_file() and path.read_bytes() for path in layout.CORRECTED.rglob("*")} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edited(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def index():
    made = write_set({"x/a": SQUARE, "x/b": SQUARE * 2, "c": SQUARE * 3}, val=("c",))
    bring(made, "folders", layout.PSEUDO_LABELS)
    return made


def test_maps_of_some_photographs_become_a_folder_that_true_masks_taught(index):
    (layout.PSEUDO_LABELS / "x/b.png").unlink()
    imported = bring(index, "folders", layout.PSEUDO_LABELS)
    assert (imported.folder, imported.splits) == (MINE, {"train": ["x/a"], "val": ["c"]})
    manifest = manifests.read(MINE)
    assert (manifest["supervision"], [*manifest["files"]]) == (supervision.PIXELS, ["c.png", "x/a.png"])
    manifests.check(MINE)
    assert is_label_map(MINE / "c.png")


def test_a_second_import_replaces_the_first_or_adds_to_it(index):
    artifacts.write_labels(Path("more"), "c", SQUARE)
    assert bring(index, "folders", Path("more"), added=True).splits == {"train": ["x/a", "x/b"], "val": ["c"]}
    assert artifacts.read_labels(MINE, "c").max() == 1
    assert bring(index, "folders", Path("more")).splits == {"train": [], "val": ["c"]}
    manifests.check(MINE)


def test_names_are_found_as_tools_write_them(index):
    write(index, "label-studio", OUT)
    tasks = json.loads((OUT / "tasks.json").read_text())
    for task, url in zip(sorted(tasks, key=lambda t: t["data"]["photograph"]), (
        "/data/upload/1/01abcdef-c.png", "/data/local-files/?d=set/x/a.png", "http://host/x/b.png"
    ), strict=True):  # fmt: skip
        task["data"] = {"image": url}
        task["annotations"] = task["predictions"]
    (OUT / "tasks.json").write_text(json.dumps(tasks))
    assert bring(index, "label-studio").splits == {"train": ["x/a", "x/b"], "val": ["c"]}


def test_only_tasks_that_somebody_finished_count_and_the_last_annotation_of_each(index):
    write(index, "label-studio", OUT)
    assert "holds no finished task (3 have no annotation)" in refused(index, "label-studio")

    def finish(tasks):
        task = next(task for task in tasks if task["data"]["photograph"] == "x/a.png")
        old = {"result": [], "updated_at": "2026-01-01T00:00:00Z"}
        new = {**task["predictions"][0], "updated_at": "2026-02-01T00:00:00Z"}
        dropped = {"result": [], "updated_at": "2026-03-01T00:00:00Z", "was_cancelled": True}
        task["annotations"] = [new, old, dropped]

    edited(OUT / "tasks.json", finish)
    imported = bring(index, "label-studio")
    assert imported.splits == {"train": ["x/a"], "val": []}
    assert imported.notes == ["2 tasks have no annotation and are left out"]
    np.testing.assert_array_equal(artifacts.read_labels(MINE, "x/a"), SQUARE)


def test_polygons_that_somebody_drew_are_filled(index):
    write(index, "label-studio", OUT)
    value = {"points": [[100 * x / 9, 100 * y / 8] for x, y in ((2, 1), (6, 1), (6, 4), (2, 4))],
             "polygonlabels": ["dog"]}  # fmt: skip
    result = {"type": "polygonlabels", "original_width": 9, "original_height": 8, "value": value}
    edited(OUT / "tasks.json", lambda tasks: [task.update(annotations=[{"result": [result]}]) for task in tasks])
    bring(index, "label-studio")
    np.testing.assert_array_equal(artifacts.read_labels(MINE, "x/a"), SQUARE * 2)
    shapes = [{"label": "dog", "shape_type": "rectangle", "points": [[2, 1], [6, 4]]},
              {"label": "cat", "points": [[2, 1], [4, 1], [4, 4], [2, 4]]}]  # fmt: skip
    write(index, "labelme", Path("me"))
    edited(Path("me/x/a.json"), lambda content: content.update(shapes=shapes))
    bring(index, "labelme", Path("me"))
    assert artifacts.read_labels(MINE, "x/a")[1].tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 0]


def test_crowds_are_ignored_and_unused_categories_do_not_matter(index):
    write(index, "coco", OUT)

    def change(content):
        content["categories"].append({"id": 9, "name": "project", "supercategory": ""})
        content["annotations"][0]["iscrowd"] = 1

    edited(OUT / "annotations/instances_val.json", change)
    bring(index, "coco")
    np.testing.assert_array_equal(artifacts.read_labels(MINE, "c"), np.where(SQUARE, 255, 0))


WRONG_LABEL = {
    "coco": lambda: edited(OUT / "annotations/instances_val.json",
                           lambda c: c["categories"][2].update(name="table lampe")),
    "yolo": lambda: (OUT / "data.yaml").write_text("names: [cat, dog, table lampe]\n"),
    "cvat-masks": lambda: (OUT / "labelmap.txt").write_text(
        (OUT / "labelmap.txt").read_text().replace("table lamp:", "table lampe:")),
    "labelme": lambda: edited(OUT / "c.json", lambda c: c["shapes"][0].update(label="table lampe")),
    "folders": lambda: edited(OUT / "id2label.json", lambda c: c.update({"3": "table lampe"})),
    "label-studio": lambda: edited(OUT / "tasks.json", lambda tasks: [
        t["predictions"][0]["result"][0]["value"].update(brushlabels=["table lampe"])
        or t.update(annotations=t["predictions"]) for t in tasks]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_LABEL)
def test_an_unknown_label_is_named_with_the_nearest_class(index, name):
    write(index, name, OUT)
    WRONG_LABEL[name]()
    message = refused(index, name)
    assert "the label 'table lampe' is no class of this data set; did you mean 'table lamp'?" in message
    assert message.startswith("out/")


@pytest.mark.parametrize("name", ["coco", "cvat-masks", "labelme", "folders", "label-studio"])
def test_masks_of_another_size_are_told_with_both_sizes(index, name):
    write(write_set({"x/a": SQUARE, "x/b": SQUARE, "c": SQUARE[:5]}), name, OUT)
    if name == "label-studio":
        edited(OUT / "tasks.json", lambda tasks: [t.update(annotations=t["predictions"]) for t in tasks])
    message = refused(index, name)
    assert "the mask of c" in message and "is 5 x 9 pixels (height x width), its photograph 8 x 9" in message


@pytest.mark.parametrize("name", ["coco", "yolo", "cvat-masks", "labelme", "folders", "label-studio"])
def test_photographs_that_are_not_here_are_named(index, name):
    write(write_set({"x/a": SQUARE, "x/elsewhere": SQUARE}), name, OUT)
    if name == "label-studio":
        edited(OUT / "tasks.json", lambda tasks: [t.update(annotations=t["predictions"]) for t in tasks])
    message = refused(index, name)
    assert "out: 1 of 2 photographs are not in this data set" in message and "(x/elsewhere" in message


def save(path: str, content: str | bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())


BROKEN = [
    ("coco", {}, "out does not exist; give the file or folder"),
    ("coco", {"out/a.txt": ""}, "out holds no .json"),
    ("coco", {"out/a.json": "{}"}, "no COCO instances file"),
    ("coco", {"out/a.json": "{"}, "no valid JSON"),
    ("yolo", {"out/a.txt": ""}, "out is no YOLO set"),
    ("yolo", {"out/data.yaml": "nc: 3", "out/labels/c.txt": ""}, "has no `names`"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt": "0 .1 .1 .2 .2"}, "c.txt, line 1: a box, which has"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt": "1 0 0 1 0 1 1"}, "there is no class 1"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt": "0 0 0 9 0 9 9"}, "shares of width and height"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt": "0 0 0 nan 0 1 1"}, "shares of width and height"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt": "cat x"}, "there is no class and numbers"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/readme": ""}, "out holds no label map"),
    ("yolo", {"out/data.yaml": "names: [cat]", "out/labels/c.txt/a": ""}, "a pipe; replace it, or name another"),
    ("cvat-masks", {"out/labelmap.txt": ""}, "no export of CVAT's masks"),
    ("cvat-masks", {"out/labelmap.txt": "cat", "out/SegmentationClass/c.png": ""}, "'cat' is no label; write"),
    ("cvat-masks", {"out/labelmap.txt": "cat:1,2,3::", "out/SegmentationClass/c.png": ""}, "cannot be decoded"),
    ("label-studio", {"out/a.json": "{}"}, "no list of Label Studio's tasks"),
    ("label-studio", {"out/a.json": "["}, "cannot be read"),
    ("label-studio", {"out/a.json": '[{"data": {"image": "c.png"}, "annotations": [{}]}]'}, "has no `result`"),
    ("labelme", {"out/a.json": "[]"}, "none of labelme's files"),
    ("labelme", {"out/c.json": '{"shapes": [], "imagePath": "c.png"}'}, "does not say how large"),
    ("labelme", {"out/c.json": '{"shapes": [{"shape_type": "circle"}], "imagePath": "", "imageHeight": 8,'
                               ' "imageWidth": 9}'}, "a shape is 'circle', not one of mask, polygon, rectangle"),
    ("labelme", {"out/c.json": '{"shapes": [{"label": "cat", "points": [[0, 0]]}], "imagePath": "", "imageHeight": 8,'
                               ' "imageWidth": 9}'}, "a shape is broken"),
    ("labelme", {"out/c.json": '{"shapes": [{"label": "cat", "shape_type": "mask", "points": [[0, 0], [1, 1]], "mask":'
                               ' "AAAA"}], "imagePath": "", "imageHeight": 8, "imageWidth": 9}'}, "its mask is no PNG"),
    ("folders", {"out/c.txt": ""}, "out holds no label map"),
    ("folders", {"out/c.png": ""}, "cannot be decoded"),
    ("folders", {"out/id2label.json": "[]", "out/c.png": ""}, "no table of numbers and names"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "message"), BROKEN, ids=[message for _, _, message in BROKEN])
def test_what_is_broken_is_named(index, name, files, message):
    for path, content in files.items():
        save(path, content)
    assert message in refused(index, name)


def test_values_that_are_no_class_are_named(index):
    Path("out").mkdir()
    Image.fromarray(np.full((8, 9), 7, np.uint8)).save("out/c.png")
    assert "out/c.png holds the label 7, which is no class" in refused(index, "folders")
    write(index, "cvat-masks", Path("cvat"))
    Image.new("RGB", (9, 8), (1, 2, 3)).save("cvat/SegmentationClass/c.png")
    assert "c.png holds the colour (1, 2, 3), which labelmap.txt does not name" in refused(
        index, "cvat-masks", Path("cvat")
    )


def test_two_masks_of_one_photograph_are_refused(index):
    Path("out/x").mkdir(parents=True)
    for name in ("out/c.png", "out/c.gif"):
        Image.fromarray(SQUARE).save(name)
    assert "are both the mask of one photograph" in refused(index, "folders")


def test_two_files_of_one_photograph_are_both_named(index):
    write(index, "coco", OUT)
    shutil.copy(OUT / "annotations/instances_val.json", OUT / "annotations/more.json")
    places = "out/annotations/instances_val.json, c.png and out/annotations/more.json, c.png"
    assert f"out: {places} are both of photograph c; keep one" in refused(index, "coco")


def test_two_tasks_of_one_photograph_are_both_named_where_somebody_finished_both(index):
    write(index, "label-studio", OUT)
    photograph = json.loads((OUT / "tasks.json").read_text())[0]["data"]["photograph"]

    def upload_again(tasks):
        tasks[0].update(id=7, annotations=tasks[0]["predictions"])
        tasks.append({**tasks[0], "id": 8, "annotations": []})

    edited(OUT / "tasks.json", upload_again)
    assert sum(len(ids) for ids in bring(index, "label-studio").splits.values()) == 1
    edited(OUT / "tasks.json", lambda tasks: tasks[-1].update(annotations=tasks[0]["predictions"]))
    message = refused(index, "label-studio")
    assert "out/tasks.json, task 7 and out/tasks.json, task 8 are both of photograph" in message
    assert message.endswith(f"{Path(photograph).with_suffix('')}; keep one")


def test_one_photograph_in_two_splits_is_no_silent_choice(index):
    for folder in ("out/ann_dir/train", "out/ann_dir/val"):
        Path(folder).mkdir(parents=True)
        Image.fromarray(SQUARE).save(f"{folder}/c.png")
    assert "2 of 2 photographs are not in this data set, or their names mean several" in refused(index, "folders")
    for split in ("train", "val"):
        save(f"yolo/labels/{split}/c.txt", "")
    save("yolo/data.yaml", "names: [cat]")
    assert "(train/c, val/c)" in refused(index, "yolo", Path("yolo"))


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a\nb"])
def test_an_import_has_a_name_that_a_folder_can_bear(index, name):
    assert "is no name of a folder" in refused(index, "folders", layout.PSEUDO_LABELS, name=name)


def test_a_folder_that_is_no_import_is_not_replaced(index):
    save("data/corrected/notes/a.txt", "by somebody")
    assert "is there and no earlier import" in refused(index, "folders", layout.PSEUDO_LABELS, name="notes")
