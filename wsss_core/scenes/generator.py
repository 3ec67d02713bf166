"""The generated data set `scenes`: small pictures in VOC layout that show what makes weak supervision hard.

    JPEGImages/<id>.png            SegmentationClass/<id>.png (palette)     image_labels.csv
    ImageSets/Segmentation/{train,val}.txt      classes.txt                 recipe.json
    Saliency/Image/<id>.png        Saliency/Mask/<id>.png (0 or 255), objects of other classes

A small ornament tells an object's class; bodies share their shapes, textures and colours with other
classes and their colours with the background. Classes keep to a ground (which is background), fade
into it along part of their outline, occlude each other and come several in a picture.
"""

import csv
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core import voc
from wsss_core.scenes import objects as scene_objects
from wsss_core.scenes import textures as scene_textures
from wsss_core.scenes.objects import Body, Kind
from wsss_core.scenes.textures import between, pick, smooth_noise

CLASSES = tuple(kind.name for kind in scene_objects.KINDS)
SALIENCY = tuple(kind.name for kind in scene_objects.SALIENCY_KINDS)

_SPLITS = ("train", "val", "saliency")  # the position is part of each picture's seed: append only
_RECIPE = "recipe.json"
_FOLDERS = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation", "Saliency/Image", "Saliency/Mask")
_GENERATOR = "wsss_core.data.scenes"  # where the module lay when the first sets were written
_VERSION = 1  # raise with every change of the pictures, so that `ensure` makes old sets anew

_EMPTY_SHARE = 0.03  # of the pictures: nothing but background
_ON_GROUND = 0.8  # of a class that has a usual ground: pictures with that ground
_MIN_VISIBLE, _MIN_VISIBLE_ORNAMENT = 0.55, 0.75  # of each object
_MIN_PIXELS = 40
_MIN_SIDE = 64  # of a picture; smaller ornaments cannot be told apart
_TRIES = 10  # places tried for an object before it is left out


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8, 0 background, k + 1 the k-th class of its split.
        labels: names of the classes in the mask, in id order.
    """

    image: np.ndarray
    mask: np.ndarray
    labels: tuple[str, ...]


def scene(split: str, index: int, *, height: int, width: int, seed: int) -> Scene:
    """Draw the picture `index` of a split; it depends on nothing but the arguments.

    Args:
        split: "train", "val" or "saliency"; the last shows objects of SALIENCY, the others of CLASSES.
        index: from 0.
        height, width: of the picture, in pixels, at least 64.
        seed: of the whole set.

    Raises:
        ValueError: unknown split, or a side below 64.
    """
    if split not in _SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(_SPLITS)}")
    _check_size(height, width)
    sequence = np.random.SeedSequence([seed, _SPLITS.index(split), index])
    rng = np.random.Generator(np.random.PCG64(sequence))
    kinds = scene_objects.SALIENCY_KINDS if split == "saliency" else scene_objects.KINDS
    wanted = [] if split != "saliency" and rng.random() < _EMPTY_SHARE else _choose_kinds(rng, kinds)
    picture, is_ground, colours = _draw_background(rng, wanted, height, width)
    bodies, owner = _place_objects(rng, wanted, is_ground)
    for body in bodies:
        scene_objects.paint(rng, picture, body, colours)
    ids = np.array([0] + [1 + kinds.index(body.kind) for body in bodies], dtype=np.uint8)
    labels = tuple(kinds[k - 1].name for k in np.unique(ids) if k)
    return Scene(_photograph(rng, picture), ids[owner], labels)


def _check_size(height: int, width: int) -> None:
    if min(height, width) < _MIN_SIDE:
        raise ValueError(
            f"scenes of {height}x{width} pixels are too small for their objects; "
            f"use at least {_MIN_SIDE}x{_MIN_SIDE}"
        )


def _choose_kinds(rng: np.random.Generator, kinds: tuple[Kind, ...]) -> list[Kind]:
    draw = rng.random()
    count = 1 + sum(draw > share for share in (0.4, 0.72, 0.92))
    chosen = [pick(rng, kinds)]
    while len(chosen) < count:
        chosen.append(chosen[0] if rng.random() < 0.2 else pick(rng, kinds))
    return chosen


def _draw_background(rng: np.random.Generator, kinds: list[Kind], height: int, width: int):
    """A backdrop, a ground below it, and up to two kinds of boulders or bushes.

    Returns:
        (H, W, 3) float32 picture, (H, W) bool where the ground is, (N, 3) float32 colours in use.
    """
    usual = kinds[0].ground if kinds else None
    kind = usual if usual and rng.random() < _ON_GROUND else pick(rng, scene_textures.GROUNDS)
    picture, colours = scene_textures.background(rng, "cloud", height, width)
    hills = smooth_noise(rng, 1, width, (1, 40)) - 0.5  # (1, W)
    horizon = height * (between(rng, 0.3, 0.6) + 0.16 * hills)
    is_ground = np.arange(height)[:, None] > horizon
    ground, ground_colours = scene_textures.background(rng, kind, height, width)
    picture = np.where(is_ground[..., None], ground, picture)
    for _ in range(int(rng.random() * 3)):
        lump, _ = scene_textures.background(rng, pick(rng, ("grass", "road")), height, width)
        noise = smooth_noise(rng, height, width, (height / 3, width / 4))
        picture = np.where((noise > between(rng, 0.72, 0.85))[..., None], lump, picture)
    return picture, is_ground, np.concatenate([colours, ground_colours])


def _place_objects(rng: np.random.Generator, kinds: list[Kind], is_ground: np.ndarray):
    """Find places that leave enough of every object, and of its ornament, to be seen.

    Returns:
        the bodies, back to front, and (H, W) intp: 0 background, k the k-th body.
    """
    height, width = is_ground.shape
    largest = (0.30, 0.20, 0.13, 0.10)[max(len(kinds), 1) - 1]
    bodies: list[Body] = []
    owner = np.zeros((height, width), dtype=np.intp)
    for kind in kinds:
        for _ in range(_TRIES):
            area = height * width * between(rng, 0.045, largest)
            margin = 0.62 * area**0.5 if rng.random() < 0.9 else 0.3 * area**0.5
            centre = between(rng, margin, height - margin), between(rng, margin, width - margin)
            if kind.ground and not is_ground[int(centre[0]), int(centre[1])]:
                continue
            body = scene_objects.place(rng, kind, area, centre, (height, width))
            covered = owner.copy()
            covered[body.window][body.inside] = len(bodies) + 1
            if _all_visible([*bodies, body], covered):
                bodies, owner = [*bodies, body], covered
                break
    return bodies, owner


def _all_visible(bodies: list[Body], owner: np.ndarray) -> bool:
    for number, body in enumerate(bodies, start=1):
        visible = owner[body.window] == number
        seen, ornament = int(visible.sum()), int((visible & body.ornament).sum())
        if seen < max(_MIN_PIXELS, _MIN_VISIBLE * int(body.inside.sum())):
            return False
        if ornament < _MIN_VISIBLE_ORNAMENT * int(body.ornament.sum()):
            return False
    return True


def _photograph(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Uneven light, a lens that blurs a little, and sensor noise: (H, W, 3) uint8."""
    height, width, _ = picture.shape
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)
    light = 1 + np.float32(between(rng, -0.2, 0.2)) * rows + np.float32(between(rng, -0.2, 0.2)) * columns
    padded = np.pad(picture * light[..., None], ((1, 1), (1, 1), (0, 0)), mode="edge")
    blurred = padded[:-2] + 4 * padded[1:-1] + padded[2:]
    blurred = (blurred[:, :-2] + 4 * blurred[:, 1:-1] + blurred[:, 2:]) / 36
    noise = rng.random((2, height, width, 3), dtype=np.float32)
    return np.clip(np.rint(blurred + 10 * (noise[0] + noise[1] - 1)), 0, 255).astype(np.uint8)


def generate(
    root: Path, *, num_train: int, num_val: int, num_saliency: int, height: int, width: int, seed: int
) -> None:
    """Write the whole set, replacing one made earlier; nobody ever sees half a set.

    Args:
        root: folder of the set; its parents are created.
        num_train, num_val, num_saliency: pictures of each split, at least 1 in train.
        height, width: of every picture, at least 64.
        seed: any int >= 0; picture i of a split does not depend on how many there are.

    Raises:
        ValueError: a number is out of range.
        FileExistsError: root holds something that this generator did not write.
    """
    recipe = _recipe(num_train, num_val, num_saliency, height, width, seed)
    root = root.resolve()
    _refuse_foreign(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as workshop:
        made, replaced = Path(workshop, "made"), Path(workshop, "replaced")
        for folder in _FOLDERS:
            (made / folder).mkdir(parents=True)
        shape = {"height": height, "width": width, "seed": seed}
        _write_labelled(made, {"train": num_train, "val": num_val}, shape)
        _write_saliency(made, num_saliency, shape)
        (made / _RECIPE).write_text(json.dumps(recipe, indent=2) + "\n")
        if root.exists():
            os.replace(root, replaced)
        os.replace(made, root)


def ensure(
    root: Path, *, num_train: int, num_val: int, num_saliency: int, height: int, width: int, seed: int
) -> None:
    """Generate the set unless root already holds the one asked for; only its recipe is looked at.

    Arguments and errors are those of `generate`.
    """
    recipe = _recipe(num_train, num_val, num_saliency, height, width, seed)
    if _read_recipe(root) != recipe:
        generate(
            root,
            num_train=num_train,
            num_val=num_val,
            num_saliency=num_saliency,
            height=height,
            width=width,
            seed=seed,
        )


def _recipe(num_train: int, num_val: int, num_saliency: int, height: int, width: int, seed: int) -> dict:
    _check_size(height, width)
    if num_train < 1 or min(num_val, num_saliency, seed) < 0:
        raise ValueError("scenes needs num_train >= 1 and num_val, num_saliency, seed >= 0")
    return {
        "generator": _GENERATOR,
        "version": _VERSION,
        "num_train": num_train,
        "num_val": num_val,
        "num_saliency": num_saliency,
        "height": height,
        "width": width,
        "seed": seed,
    }


def _read_recipe(root: Path) -> dict | None:
    """The recipe of the set in root; None where there is none of ours."""
    try:
        recipe = json.loads((root / _RECIPE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):  # no file, no text, no JSON
        return None
    return recipe if isinstance(recipe, dict) and recipe.get("generator") == _GENERATOR else None


def _refuse_foreign(root: Path) -> None:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if _read_recipe(root) is None:
        raise FileExistsError(
            f"{root} exists and was not made by the scenes generator (no {_RECIPE} of its own); "
            "move it away or choose another root"
        )


def _write_labelled(root: Path, counts: dict[str, int], shape: dict[str, int]) -> None:
    rows = []
    for split, count in counts.items():
        names = [f"{split}_{index:05d}" for index in range(count)]
        for index, name in enumerate(names):
            drawn = scene(split, index, **shape)
            Image.fromarray(drawn.image).save(root / "JPEGImages" / f"{name}.png", compress_level=1)
            mask = Image.fromarray(drawn.mask)
            mask.putpalette(voc.palette())
            mask.save(root / "SegmentationClass" / f"{name}.png")
            rows.append((name, ";".join(drawn.labels)))
        (root / "ImageSets/Segmentation" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    with open(root / "image_labels.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("image", "labels"), *rows])
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))


def _write_saliency(root: Path, count: int, shape: dict[str, int]) -> None:
    for index in range(count):
        drawn = scene("saliency", index, **shape)
        name = f"saliency_{index:05d}.png"
        Image.fromarray(drawn.image).save(root / "Saliency/Image" / name, compress_level=1)
        Image.fromarray(np.where(drawn.mask > 0, 255, 0).astype(np.uint8)).save(root / "Saliency/Mask" / name)
