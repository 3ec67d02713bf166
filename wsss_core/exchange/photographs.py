"""Photographs beside their exported label maps: linked, copied, or turned upright.

Label maps are as large as photographs are when they are turned as their EXIF orientation asks. Who ignores it shows
such a photograph lying, with every mask in the wrong place; so a turned copy goes with the masks.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from wsss_core import artifacts
from wsss_core.data.images import opened, read_bytes, read_image

_ORIENTATION = 0x0112
_QUALITY = 95
"""Of JPEG; the copy is encoded a second time."""


def is_turned(photograph: Path) -> bool:
    """Whether its EXIF orientation asks viewers to turn or mirror it. Raises ImageError where it cannot be read."""
    with opened(read_bytes(photograph), photograph) as image:
        return image.getexif().get(_ORIENTATION, 1) not in (0, 1)


def name_beside(file_name: str, *, turned: bool) -> str:
    """What a photograph is called beside its label map: a turned copy is a JPEG if it was one, else a PNG."""
    suffix = Path(file_name).suffix
    if not turned or suffix.lower() in (".jpg", ".jpeg"):
        return file_name
    return file_name.removesuffix(suffix) + ".png"


def put(photograph: Path, target: Path, *, turned: bool, link: bool) -> None:
    """Link or copy a photograph, or write it turned."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if turned:
        with artifacts.atomic(target) as temporary:
            is_jpeg = target.suffix.lower() in (".jpg", ".jpeg")
            options = {"format": "JPEG", "quality": _QUALITY, "subsampling": 0} if is_jpeg else {"format": "PNG"}
            Image.fromarray(read_image(photograph)).save(temporary, **options)
    elif link:
        target.symlink_to(photograph.resolve())
    else:
        shutil.copyfile(photograph, target)
