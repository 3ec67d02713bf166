"""What `wsss init` reads, for the fuzzing of all readers: one entry a layout that has documents."""

from __future__ import annotations

import json
from pathlib import Path

import mutations
from readers import INSTANCES, XML, Reader, photographs

from wsss_core.intake.proposal import propose
from wsss_core.intake.recognition import AmbiguousLayout, recognise
from wsss_core.intake.records import Options
from wsss_core.intake.survey import look_at

TABLE = b"image,labels\na,dog;cat\nb,cat\n"
ONE_HOT = b"image,cat,dog\na,1,0\nb,1,1\n"
TASKS = [
    {"data": {"image": f"/data/upload/0123abcd-{name}.jpg"}, "annotations": [
        {"was_cancelled": False, "result": [{"type": "choices", "value": {"choices": tags}}]}]}
    for name, tags in (("a", ["dog"]), ("b", ["cat"]))
]  # fmt: skip
FLAT = [{"image": f"{name}.jpg", "choice": tag, "annotation_id": 1} for name, tag in (("a", "dog"), ("b", "cat"))]
LABELME = {"shapes": [{"label": "dog"}], "flags": {"cat": True}, "imagePath": "a.jpg"}
LINES = [{"file_name": "a.jpg", "labels": ["dog"]}, {"file_name": "b.jpg", "labels": "cat"}]
CVAT = (
    b'<annotations><image name="a.jpg"><tag label="dog"/></image>'
    b'<image name="b.jpg"><box label="cat"/></image></annotations>'
)
YAML = b"names: [cat, dog]\n"


def init(folder: Path) -> None:
    """All that `wsss init` does before it writes; that it shows choices is no failure."""
    survey = look_at(folder)
    try:
        found = recognise(survey, Options())
    except AmbiguousLayout:
        return
    propose(survey, found, names={}, target=folder / "labels.csv", before=None, held_out=0.1)


def bare_neighbour(folder: Path) -> None:
    photographs(folder)
    (folder / "b.xml").write_text("<annotation></annotation>")


def bare_labelme(folder: Path) -> None:
    photographs(folder)
    (folder / "b.json").write_bytes(mutations.as_json({"shapes": [], "flags": {}, "imagePath": "b.jpg"}))


def texts_of_yolo(folder: Path) -> None:
    photographs(folder)
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "b.txt").write_text("1 0.5 0.5 0.1 0.1\n")


def yolo_names(folder: Path) -> None:
    photographs(folder)
    (folder / "data.yaml").write_bytes(YAML)


def as_lines(tree: object) -> bytes:
    lines = tree if isinstance(tree, list) else [tree]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def with_commas(tree: object) -> bytes:
    return mutations.as_table(tree, ",")


INTAKE_READERS: dict[str, Reader] = {
    "init csv": Reader("tags.csv", TABLE, init, mutations.cells(TABLE, ","), with_commas, photographs),
    "init one-hot": Reader("tags.csv", ONE_HOT, init, mutations.cells(ONE_HOT, ","), with_commas, photographs),
    "init COCO": Reader("all.json", mutations.as_json(INSTANCES), init, INSTANCES, prepare=photographs),
    "init VOC": Reader("a.xml", XML, init, mutations.elements(XML), mutations.as_xml, bare_neighbour),
    "init CVAT": Reader("all.xml", CVAT, init, mutations.elements(CVAT), mutations.as_xml, photographs),
    "init Label Studio": Reader("all.json", mutations.as_json(TASKS), init, TASKS, prepare=photographs),
    "init Label Studio, flat": Reader("all.json", mutations.as_json(FLAT), init, FLAT, prepare=photographs),
    "init metadata": Reader("metadata.jsonl", as_lines(LINES), init, LINES, as_lines, photographs),
    "init labelme": Reader("a.json", mutations.as_json(LABELME), init, LABELME, prepare=bare_labelme),
    "init YOLO": Reader("a.txt", b"0 0.5 0.5 0.1 0.1\n", init, prepare=yolo_names),
    "init YOLO names": Reader("data.yaml", YAML, init, prepare=texts_of_yolo),
}
