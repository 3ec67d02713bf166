"""Every layout, in the shapes in which tools write it: recognised, its table exact, the data set clean."""

import json

import pytest

from wsss_core.intake import recognition

NAMES = ("a0.jpg", "a1.jpg", "a2.jpg", "a3.jpg")
TAGS = {"a0.jpg": "cat;dog", "a1.jpg": "cat", "a2.jpg": "", "a3.jpg": "dog"}
"""What all of these folders say."""


def below(folder: str) -> dict[str, str]:
    return {f"{folder}/{name}": tags for name, tags in TAGS.items()}


def with_paths(said: str, layout: str) -> None:
    assert f": {layout}: " in said
    assert "4 photographs" in said


@pytest.mark.parametrize(
    "lines",
    [
        ["image,labels", "a0,cat;dog", "a1,cat", "a2,", "a3,dog"],
        ["filename;tags", 'a0.jpg;"cat,dog"', "a1.jpg;cat", "a2.jpg;", "a3.jpg;dog"],
        ["id\tclass", "a0\tcat|dog", "a1\tcat", "a2\t", "a3\tdog"],
        ["Labels,Image Name,width", '"cat;dog",a0.jpg,8', "cat,a1.jpg,8", ",a2.jpg,8", "dog,a3.jpg,8"],
        ["image,label", "a0,cat", "a0,dog", "a1,cat", "a2,", "a3,dog"],
        ["image,labels", "a0,\"['cat', 'dog']\"", "a1,['cat']", "a2,[]", "a3,['dog']"],
        ["path,labels", "C:\\photos\\a0.jpg,cat;dog", "C:\\photos\\a1.jpg,cat", "C:\\photos\\a2.jpg,",
         "C:\\photos\\a3.jpg,dog"],
        ["a0.jpg,cat;dog", "a1.jpg,cat", "a2.jpg,", "a3.jpg,dog"],
        ["sep=;", "image;labels", "a0;cat,dog", "a1;cat", "a2;", "a3;dog"],
        ["image,labels", "a0,cat;dog", "a1,c\0at", "a2,", "a3,dog"],
    ],
    ids=["wide", "semicolons", "tabs", "order of columns", "long", "lists", "paths of Windows", "no heading",
         "Excel's sign", "a zero byte"],
)  # fmt: skip
def test_a_table_of_tags(own, lines):
    own.photos(*NAMES).text("tags.csv", *lines)
    with_paths(own.said(), "csv")
    assert own.tags() == TAGS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_table_in_the_encodings_of_spreadsheets(own, encoding):
    own.photos(*NAMES).text("tags.csv", "image,labels", "a0,été", "a1,dog", "a2,", "a3,été;dog", encoding=encoding)
    own.said()
    assert own.tags() == {"a0.jpg": "été", "a1.jpg": "dog", "a2.jpg": "", "a3.jpg": "dog;été"}


@pytest.mark.parametrize(
    "lines",
    [
        ["image,cat,dog,none", "a0.jpg,1,1,0", "a1.jpg,1,0,0", "a2.jpg,0,0,1", "a3.jpg,0,1,0"],
        ["filename, cat, dog", "a0.jpg, 1, 1", "a1.jpg, 1, 0", "a2.jpg, 0, 0", "a3.jpg, 0, 1"],
        ["id;cat;dog", "a0;True;True", "a1;True;False", "a2;False;False", "a3;False;True"],
    ],
)
def test_a_one_hot_table(own, lines):
    own.photos(*NAMES).text("train.csv", *lines)
    with_paths(own.said(), "one_hot")
    assert own.tags() == TAGS


def test_roboflow_s_tables_of_classes_give_the_splits(own):
    own.photos("train/a0.jpg", "train/a1.jpg", "valid/a2.jpg", "test/a3.jpg")
    own.text("train/_classes.csv", "filename, cat, dog", "a0.jpg, 1, 0", "a1.jpg, 0, 1")
    own.text("valid/_classes.csv", "filename, cat, dog", "a2.jpg, 1, 1")
    own.text("test/_classes.csv", "filename, cat, dog", "a3.jpg, 1, 0")
    assert "1 photographs of the split test are used for nothing" in own.said()
    assert own.table() == {
        "train/a0.jpg": ("cat", "train"), "train/a1.jpg": ("dog", "train"), "valid/a2.jpg": ("cat;dog", "val"),
        "test/a3.jpg": ("cat", "test"),
    }  # fmt: skip


def test_a_sub_folder_for_each_class(own):
    own.photos("cat/a0.jpg", "cat/a1.JPG", "dog/a0.jpg", "background/b.png")
    said = own.said()
    assert "'background' (1 photographs) is taken to mean that none of the classes is to be seen" in said
    assert own.tags() == {"cat/a0.jpg": "cat", "cat/a1.JPG": "cat", "dog/a0.jpg": "dog", "background/b.png": ""}


def test_class_folders_below_splits(own):
    own.photos("train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg", "val/dog/d.jpg")
    own.said()
    assert own.table() == {
        "train/cat/a.jpg": ("cat", "train"), "train/dog/b.jpg": ("dog", "train"), "val/cat/c.jpg": ("cat", "val"),
        "val/dog/d.jpg": ("dog", "val"),
    }  # fmt: skip


def test_a_class_may_be_called_train(own):
    own.photos("train/a.jpg", "bus/b.jpg", "bus/c.jpg")
    own.said()
    assert own.tags() == {"train/a.jpg": "train", "bus/b.jpg": "bus", "bus/c.jpg": "bus"}


BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"


def voc_xml(*names: str) -> str:
    objects = "".join(f"<object><name>{name}</name>{BOX}</object>" for name in names)
    return f"<annotation><filename>elsewhere.png</filename>{objects}</annotation>"


@pytest.mark.parametrize(("images", "xml"), [("", ""), ("images/", "Annotations/"), ("photos/", "labels/")])
def test_an_xml_for_each_photograph(own, images, xml):
    for name, tags in TAGS.items():
        own.photos(images + name).text(f"{xml}{name[:-4]}.xml", voc_xml(*filter(None, tags.split(";"))))
    with_paths(own.said(), "voc")
    assert own.tags() == TAGS


def test_a_devkit_with_lists_is_read_as_it_lies(own):
    for name, tags in TAGS.items():
        own.photos(f"JPEGImages/{name}").text(f"Annotations/{name[:-4]}.xml", voc_xml(*filter(None, tags.split(";"))))
    own.text("ImageSets/Main/train.txt", "a0", "a1", "a2").text("ImageSets/Main/val.txt", "a3").said()
    assert not (own.project / "labels.csv").exists()
    assert (own.dataset()["format"], own.dataset()["classes"]) == ("voc", ["cat", "dog"])
    assert own.index() == {"a0": ("cat", "dog"), "a1": ("cat",), "a2": (), "a3": ("dog",)}


def coco(files: dict[str, str], *, unused: tuple[str, ...] = (), prefix: str = "") -> dict:
    """A JSON of files and their tags; a square for each tag."""
    numbers = {"cat": 3, "dog": 1} | {name: 90 + place for place, name in enumerate(unused)}
    tagged = [(number, tag) for number, tags in enumerate(files.values()) for tag in filter(None, tags.split(";"))]
    return {
        "images": [
            {"id": number, "file_name": prefix + name, "height": 6, "width": 8} for number, name in enumerate(files)
        ],
        "annotations": [
            {"id": place, "image_id": number, "category_id": numbers[tag], "iscrowd": 0,
             "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]}
            for place, (number, tag) in enumerate(tagged, start=1)
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }  # fmt: skip


def test_a_coco_json_without_splits_becomes_a_table_and_its_outlines_masks(own):
    own.photos(*(f"images/{name}" for name in NAMES)).json("annotations/all.json", coco(TAGS))
    with_paths(own.said(), "coco")
    assert own.tags() == TAGS
    assert own.dataset()["masks"] == "annotations/all.json"
    assert own.dataset()["classes"] == ["dog", "cat"], "in the order of COCO's numbers"


@pytest.mark.parametrize(("entries", "both"), [("images", "a0.jpg and a3.jpg"), ("categories", "cat and dog")])
def test_a_coco_json_in_which_two_entries_have_one_id_is_refused(own, entries, both):
    content = coco(TAGS)
    first, last = content[entries][0], content[entries][-1]
    last["id"] = first["id"]
    own.photos(*NAMES).json("all.json", content)
    assert f"{both} have the same id {first['id']}; give each its own id" in own.refused()


def test_annotations_of_images_that_a_coco_json_does_not_list_are_told(own):
    content = coco(TAGS)
    content["annotations"].append({"id": 99, "image_id": 77, "category_id": 7})
    own.photos(*NAMES).json("all.json", content)
    assert "Annotations of 1 images that all.json does not list: id 77." in own.said()
    assert own.tags() == TAGS


def test_coco_jsons_of_two_splits_are_read_as_they_lie(own):
    own.photos("train2017/a0.jpg", "train2017/a1.jpg", "val2017/a2.jpg", "val2017/a3.jpg")
    own.json("annotations/instances_train2017.json", coco({name: TAGS[name] for name in ("a0.jpg", "a1.jpg")}))
    own.json("annotations/instances_val2017.json", coco({name: TAGS[name] for name in ("a2.jpg", "a3.jpg")})).said()
    assert own.dataset()["format"] == "coco"
    assert not (own.project / "labels.csv").exists()
    assert own.index() == {"a0": ("dog", "cat"), "a1": ("cat",), "a2": (), "a3": ("dog",)}


def test_roboflow_s_coco_lies_beside_the_images_and_its_heading_is_no_class(own):
    own.photos("train/a0.jpg", "train/a1.jpg", "valid/a2.jpg", "valid/a3.jpg")
    for split, names in (("train", NAMES[:2]), ("valid", NAMES[2:])):
        own.json(f"{split}/_annotations.coco.json", coco({name: TAGS[name] for name in names}, unused=("animals",)))
    assert "1 categories have no annotation and are no classes here: animals" in own.said()
    assert own.dataset()["classes"] == ["dog", "cat"]


def test_label_studio_s_coco_has_hashes_before_the_names(own):
    own.photos(*NAMES)
    own.json("result.json", coco({f"0123abc{n}-{name}": TAGS[name] for n, name in enumerate(NAMES)}, prefix="images/"))
    own.said()
    assert own.tags() == TAGS


def task(number: int, *answers: list[str] | None, cancelled: bool = False) -> dict:
    results = [{"type": "choices", "value": {"choices": answer}} for answer in answers if answer]
    data = {"image": f"/data/upload/1/0123abc{number}-a{number}.jpg"}
    annotations = [{"result": [result], "was_cancelled": cancelled} for result in results]
    return {"id": number, "data": data, "annotations": annotations or [{"result": []}]}


def test_label_studio_s_tasks(own):
    tasks = [task(0, ["cat", "dog"]), task(1, ["cat"]), task(2), task(3, ["dog"])]
    own.photos(*NAMES, "a4.jpg", "a5.jpg")
    tasks += [{**task(4), "annotations": []}, task(5, ["cat"], cancelled=True)]
    own.json("project-1.json", tasks)
    said = own.said()
    with_paths(said, "label_studio")
    assert "2 more are not labelled and not used: a4, a5" in said
    assert own.tags() == TAGS
    assert own.table()["a4.jpg"] == ("", "unlabelled")


def test_several_annotators_of_label_studio_are_joined_and_told(own):
    own.photos(*NAMES).json("p.json", [task(0, ["cat"], ["dog"]), task(1, ["cat"], ["cat"]), task(2), task(3, ["dog"])])
    assert "2 photographs have several annotators, whose tags are joined; they differ in 1 (a0)" in own.said()
    assert own.tags() == TAGS


def test_label_studio_s_flat_json(own):
    own.photos(*NAMES)
    answers = [{"choices": ["cat", "dog"]}, "cat", {"choices": []}, "dog"]
    rows = [
        {"image": f"/data/local-files/?d=set/a{n}.jpg", "id": n, "tag": answer, "annotator": 1, "annotation_id": n}
        for n, answer in enumerate(answers)
    ]
    own.json("min.json", rows)
    with_paths(own.said(), "label_studio")
    assert own.tags() == TAGS


def test_label_studio_s_csv(own):
    own.photos(*NAMES)
    cells = [json.dumps({"choices": ["cat", "dog"]}), "cat", json.dumps({"choices": []}), "dog"]
    rows = ['{n},/data/upload/1/0123abc{n}-a{n}.jpg,"{cell}",1,{n},2.5'.format(n=n, cell=cell.replace('"', '""'))
            for n, cell in enumerate(cells)]  # fmt: skip
    own.text("p.csv", "id,image,tag,annotator,annotation_id,lead_time", *rows)
    with_paths(own.said(), "label_studio")
    assert own.tags() == TAGS


def test_cvat_s_tags_and_shapes(own):
    own.photos(*(f"sub/{name}" for name in NAMES))
    inside = {
        "a0.jpg": '<tag label="cat"/><box label="dog" xtl="1" ytl="1" xbr="2" ybr="2"/>',
        "a1.jpg": '<tag label="cat"/>',
        "a2.jpg": "", "a3.jpg": '<polygon label="dog" points="1,1;2,2;1,2"/>',
    }  # fmt: skip
    images = "".join(f'<image id="0" name="sub/{name}">{tags}</image>' for name, tags in inside.items())
    own.text("annotations.xml", f"<annotations><version>1.1</version>{images}</annotations>")
    said = own.said()
    with_paths(said, "cvat")
    assert "1 images have neither tag nor shape (sub/a2)" in said
    assert own.tags() == TAGS


def test_cvat_s_tags_may_be_the_values_of_an_attribute(own):
    own.photos("a0.jpg", "a1.jpg")
    images = "".join(
        f'<image name="a{n}.jpg"><tag label="image"><attribute name="kind">{kind}</attribute></tag></image>'
        for n, kind in enumerate(("cat", "dog"))
    )
    own.text("annotations.xml", f"<annotations><version>1.1</version>{images}</annotations>").said()
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog"}


@pytest.mark.parametrize("form", ["label", "labels", "objects"])
def test_hugging_face_s_metadata(own, form):
    own.photos(*(f"train/{name}" for name in NAMES))
    lines = []
    for name, tags in TAGS.items():
        listed = [tag for tag in tags.split(";") if tag]
        if form == "label":
            lines += [{"file_name": name, "label": tag} for tag in listed or [None]]
        else:
            value = {"objects": {"bbox": [], "categories": listed}} if form == "objects" else {"labels": listed}
            lines.append({"file_name": name, **value})
    own.text("train/metadata.jsonl", *map(json.dumps, lines))
    with_paths(own.said(), "metadata")
    assert own.tags() == TAGS


def test_hugging_face_s_metadata_as_csv(own):
    own.photos(*NAMES).text("metadata.csv", "file_name,label", "a0.jpg,cat;dog", "a1.jpg,cat", "a2.jpg,", "a3.jpg,dog")
    with_paths(own.said(), "metadata")
    assert own.tags() == TAGS


def test_labelme_s_flags_and_shapes(own):
    own.photos(*NAMES, "a4.jpg")
    for name, tags in TAGS.items():
        flags = {tag: tag in tags.split(";") for tag in ("cat", "dog")}
        own.json(f"{name[:-4]}.json", {"flags": flags, "shapes": [], "imagePath": name, "imageData": None})
    said = own.said()
    with_paths(said, "labelme")
    assert "1 more are not labelled and not used: a4" in said
    assert own.tags() == TAGS


@pytest.mark.parametrize("names", ["[cat, dog]", "{0: cat, 1: dog}"])
def test_yolo(own, names):
    own.text("data.yaml", "train: images/train", f"names: {names}")
    for name, tags in TAGS.items():
        own.photos(f"images/train/{name}")
        numbers = [{"cat": 0, "dog": 1}[tag] for tag in tags.split(";") if tag]
        if numbers:
            own.text(f"labels/train/{name[:-4]}.txt", *(f"{number} 0.5 0.5 0.2 0.2" for number in numbers))
    said = own.said()
    with_paths(said, "yolo")
    assert "1 photographs have no text (images/train/a2): as YOLO does, they show no class" in said
    assert own.tags() == TAGS


def test_every_layout_is_tried_here():
    tried = {"class_folders", "coco", "csv", "cvat", "label_studio", "labelme", "metadata", "one_hot", "voc", "yolo"}
    assert set(recognition.names()) == tried
