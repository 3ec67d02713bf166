"""labelme's JSON files, one for each image: flags and shapes."""

from __future__ import annotations

from typing import Any

from wsss_core.data.names import composed
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.survey import Survey
from wsss_core.problems import named

TITLE = "labelme: a JSON with flags for each photograph"


def recognise(survey: Survey) -> list[Clue]:
    """JSON files with `shapes` and `imagePath`."""
    paths = [path for path in survey.documents(".json") if _is_labelme(survey.json(path))]
    return [Clue(f"{len(paths)} JSON files with shapes and imagePath", tuple(paths))] if paths else []


def _is_labelme(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The flags that are set, and the labels of shapes. A photograph without a JSON has not been looked at."""
    found, strays = Found({}), []
    own = {composed(path.relative_to(survey.folder).with_suffix("").as_posix()): path for path in clue.documents}
    ids = survey.find(own)
    for json_id, path in own.items():
        content = survey.json(path)
        file = str(content["imagePath"])
        name = ids.get(json_id) or survey.find([file], near=path).get(file)
        if name is None:
            strays.append(survey.below(path))
            continue
        given = content.get("flags")
        flags = [flag for flag, is_set in (given if isinstance(given, dict) else {}).items() if is_set is True]
        shapes = [str(shape.get("label", "")) for shape in content["shapes"] if isinstance(shape, dict)]
        found.entries[name] = Entry(joined([*flags, *shapes]))
    if strays:
        found.left_out.append(f"{len(strays)} JSON files belong to no photograph ({named(strays)}).")
    return found
