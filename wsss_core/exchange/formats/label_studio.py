"""Label Studio's tasks, the label maps as predictions that somebody corrects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from wsss_core import artifacts, voc
from wsss_core.exchange.filling import paint_polygon
from wsss_core.exchange.format import Draw, Drawn, ExchangeError, Options, Picture, Size, Sought, is_size
from wsss_core.exchange.regions import Region
from wsss_core.exchange.runs import brush_bytes, read_brush
from wsss_core.problems import excerpt

TITLE = "Label Studio's tasks with brush predictions, and label_config.xml"
OPTIONS = frozenset({"image_root_url", "tasks_per_file"})
PHOTOGRAPHS = "images"
DEFAULT = "none"
KEEPS_IGNORED = False
BY_BASE_NAME = False
WHOLE = True
LOSES = "Label Studio's brush has no name for ignored pixels"

MODEL = "wsss"
CONTROL, OBJECT = "label", "image"
"""Of label_config.xml; results name them."""


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`tasks.json`, or `tasks_001.json` and more, and `label_config.xml`, the project's labelling interface."""
    tasks: list[dict] = []
    files = 0
    for picture in pictures:
        if len(tasks) == options.tasks_per_file:
            files += 1
            _write_tasks(out / f"tasks_{files:03d}.json", tasks)
            tasks = []
        tasks.append(_task(picture, names, options.image_root_url))
    _write_tasks(out / (f"tasks_{files + 1:03d}.json" if files else "tasks.json"), tasks)
    artifacts.write_text(out / "label_config.xml", _config(names))
    return []


def _write_tasks(path: Path, tasks: list[dict]) -> None:
    artifacts.write_text(path, json.dumps(tasks, ensure_ascii=False))  # indented, each byte would take a line


def _task(picture: Picture, names: Sequence[str], root: str) -> dict:
    score = {} if picture.confidence is None else {"score": round(picture.confidence, 4)}
    results = [_result(region, names[region.label], picture.size) for region in picture.regions]
    data = {"image": root + quote(picture.file_name), "photograph": picture.file_name}
    return {"data": data, "predictions": [{"model_version": MODEL, **score, "result": results}]}


def _result(region: Region, name: str, size: Size) -> dict:
    score = {} if region.confidence is None else {"score": round(region.confidence, 4)}
    value = {"format": "rle", "rle": brush_bytes(region.at(size)), "brushlabels": [name]}
    return {
        "id": f"label_{region.label}", "type": "brushlabels", "from_name": CONTROL, "to_name": OBJECT,
        "original_width": size[1], "original_height": size[0], "image_rotation": 0, "value": value, **score,
    }  # fmt: skip


def _config(names: Sequence[str]) -> str:
    colours = np.array(voc.palette()).reshape(256, 3)
    labels = [
        f'    <Label value={quoteattr(name)} background="#{"".join(f"{c:02x}" for c in colours[label])}"/>'
        for label, name in enumerate(names) if label
    ]  # fmt: skip
    image = f'  <Image name="{OBJECT}" value="$image" zoom="true"/>'
    control = f'  <BrushLabels name="{CONTROL}" toName="{OBJECT}">'
    return "\n".join(["<View>", image, control, *labels, "  </BrushLabels>", "</View>", ""])


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """The tasks that somebody finished, of an export as JSON; of several annotations of one the last counts."""
    drawn: list[Drawn] = []
    waiting = 0
    for path in sorted(source.rglob("*.json")) if source.is_dir() else [source]:
        for number, task in enumerate(_tasks(path)):
            place = f"{path}, task {task.get('id', number)}"
            annotation = _finished(task, place)
            waiting += annotation is None
            if annotation is not None:
                drawn.append(Drawn(_name(task, place), place, _drawing(annotation, sought, place)))
    if not drawn:
        raise ExchangeError(
            f"{source} holds no finished task ({waiting} have no annotation): predictions alone are nobody's work;"
            " submit them in Label Studio and export as JSON"
        )
    if waiting:
        sought.notes.append(f"{waiting} tasks have no annotation and are left out")
    return drawn


def _tasks(path: Path) -> list[dict]:
    tasks = artifacts.read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and "data" in task for task in tasks):
        raise ExchangeError(f"{path} is no list of Label Studio's tasks; export as JSON (not JSON-MIN)")
    return tasks


def _finished(task: dict, place: str) -> dict | None:
    """The last annotation that was not cancelled."""
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise ExchangeError(f"{place}: `annotations` is no list of them; export as JSON (not JSON-MIN)")
    finished = [each for each in annotations if not each.get("was_cancelled")]
    return max(finished, key=lambda each: str(each.get("updated_at", "")), default=None)


def _name(task: dict, place: str) -> str:
    """The photograph's name as this project wrote it, else what the URL says."""
    data = task["data"] if isinstance(task["data"], dict) else {}
    name = data.get("photograph") or data.get("image") or next(iter(data.values()), None)
    if not isinstance(name, str):
        raise ExchangeError(f"{place} names no photograph; give it as `image`")
    return name.partition("?d=")[2] or name


def _drawing(annotation: dict, sought: Sought, place: str) -> Draw:
    results = annotation.get("result")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise ExchangeError(f"{place}: the annotation has no `result`; export as JSON (not JSON-MIN)")
    parts = [(_label(each, sought, place), each) for each in results if str(each.get("type")) in _SHAPES]
    return partial(_draw, parts, place)


def _label(result: dict, sought: Sought, place: str) -> int:
    names = _value(result, place).get(result["type"])
    if not isinstance(names, list) or len(names) != 1:
        raise ExchangeError(f"{place}: a result of type {result['type']} has {excerpt(repr(names), 40)}, not one label")
    return sought.label(str(names[0]), source=place)


def _value(result: dict, place: str) -> dict:
    value = result.get("value")
    if not isinstance(value, dict):
        raise ExchangeError(f"{place}: a result has no `value`; repair it")
    return value


def _draw(parts: Sequence[tuple[int, dict]], place: str, size: Size) -> np.ndarray:
    """Later results lie on earlier ones. Without any, the photograph's size is taken."""
    canvas = np.full(size, voc.BACKGROUND, dtype=np.uint8)
    for label, result in parts:
        height, width = result.get("original_height"), result.get("original_width")
        if not is_size(height, width):
            raise ExchangeError(f"{place}: a result does not say how large the photograph is; repair it")
        if (height, width) != size:
            return np.zeros((height, width), np.uint8)  # type: ignore[arg-type]  # the size alone is looked at
        try:
            _SHAPES[result["type"]](canvas, label, _value(result, place))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ExchangeError(f"{place}: a result is broken ({excerpt(str(error), 80)}); repair it") from None
    return canvas


def _brush(canvas: np.ndarray, label: int, value: dict[str, Any]) -> None:
    canvas[read_brush(bytes(value["rle"]), height=canvas.shape[0], width=canvas.shape[1])] = label


def _polygon(canvas: np.ndarray, label: int, value: dict[str, Any]) -> None:
    """Its corners are in per cent of width and height."""
    paint_polygon(canvas, label, np.array(value["points"], dtype=np.float64) / 100 * canvas.shape[::-1])


def _rectangle(canvas: np.ndarray, label: int, value: dict[str, Any]) -> None:
    x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
    right, bottom = x + width, y + height
    _polygon(canvas, label, {"points": [[x, y], [right, y], [right, bottom], [x, bottom]]})


_SHAPES = {"brushlabels": _brush, "polygonlabels": _polygon, "rectanglelabels": _rectangle}
"""What is read of an annotation; choices, texts and points are no masks."""
