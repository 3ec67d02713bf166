"""Every reader of a file that somebody else may have written or damaged, with a sound file to start from."""

from __future__ import annotations

import functools
import io
import json
import struct
from collections.abc import Callable
from contextlib import chdir, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import index_files
import mutations
import numpy as np
import onnx_bytes
import torch
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import save

from wsss_core import artifacts, manifests, voc
from wsss_core.data.image_folder import list_images
from wsss_core.data.images import read_grey, read_image
from wsss_core.data.index import Index
from wsss_core.data.indexing import build_index
from wsss_core.data.label_images import read_labels
from wsss_core.data.listing import read_listing
from wsss_core.data.lists import read_lists
from wsss_core.data.masks import open_masks
from wsss_core.data.saliency_set import SaliencyFolders
from wsss_core.data.source import Source
from wsss_core.models import model_file, trained
from wsss_core.models.onnx_file import read_onnx
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.models.weights import load_weights, read_state_dict
from wsss_core.params import load_params
from wsss_core.report import seeds, tables, text_tables, without_masks
from wsss_core.runtime import provenance
from wsss_core.scenes import generator as scenes
from wsss_core.training import start

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reader:
    """One reader and a sound file.

    Attributes:
        file: the broken one, below the folder that `prepare` fills.
        content: sound bytes.
        read: folder -> whatever; documented errors may leave it, and nothing else.
        tree: the file's structure, where it has one, and how it is written.
        prepare: puts the files beside it.
        slow: how many times fewer examples it gets by default.
    """

    file: str
    content: bytes
    read: Callable[[Path], object]
    tree: Any = None
    write: mutations.Render = mutations.as_json
    prepare: Callable[[Path], None] = lambda folder: None
    slow: int = 1


def photo(path: Path, *, size: tuple[int, int] = (6, 4), grey: int = 100, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey, 50, 50)).save(path, **options)


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A picture with some structure: a ramp."""
    file = io.BytesIO()
    ramp = np.arange(8 * 9).reshape(8, 9).astype(np.uint8)
    deep = (ramp.astype(np.uint16) * 50) if mode == "I;16" else ramp
    image = Image.fromarray(deep)
    (image if mode == "I;16" else image.convert(mode)).save(file, kind, **options)
    return file.getvalue()


def source(folder: Path, format: str, **options: Any) -> Source:
    values = dict(classes=None, train="train", val="", labels=None, images=None, masks=None)
    return Source(format, folder, **(values | options))


def of_listing(format: str, **options: Any) -> Callable[[Path], object]:
    return lambda folder: read_listing(source(folder, format, **options))


# ---- data sets

XML = (
    b"<annotation><filename>a.jpg</filename><size><width>6</width><height>4</height></size><object><name>dog</name>"
    b"<difficult>1</difficult><part><name>head</name></part></object><object><name>cat</name></object></annotation>"
)
TABLE = b"image,labels,split\na.jpg,dog;cat,train\nb,,val\n"
INSTANCES = {
    "images": [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 6},
               {"id": 2, "file_name": "b.jpg", "height": 4, "width": 6}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"size": [4, 6], "counts": [2, 22]}, "iscrowd": 1},
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": {"size": [4, 6], "counts": "h0"}, "iscrowd": 0},
    ],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}, {"id": 7, "name": "dog"}],
}  # fmt: skip
INDEX = {
    "version": 3, "format": "folder", "root": ".", "supervision": "tags", "classes": ["cat", "dog"],
    "splits": {"train": ["a"], "val": ["b"]},
    "records": [{"id": "a", "path": "a.jpg", "tags": [1, 2], "height": 4, "width": 6, "digest": "0"},
                {"id": "b", "path": "b.jpg", "tags": [], "height": 4, "width": 6, "digest": "1"}],
}  # fmt: skip


def with_digest(tree: Any) -> bytes:
    """A file that knows its own digest, so that what is broken in it is not found by that alone."""
    return mutations.as_json({**tree, "digest": manifests.digest_of(tree)} if isinstance(tree, dict) else tree)


def of_an_index(tree: Any) -> bytes:
    return mutations.as_json(index_files.with_digest(tree) if isinstance(tree, dict) else tree)


def photographs(folder: Path, below: str = "") -> None:
    for grey, name in enumerate("ab"):
        photo(folder / below / f"{name}.jpg", grey=90 * grey)


def voc_set(folder: Path) -> None:
    photographs(folder, "JPEGImages")
    for name in "ab":
        _put(folder / f"Annotations/{name}.xml", XML)
    _put(folder / "ImageSets/Segmentation/train.txt", b"a\nb\n")


def folder_set(folder: Path) -> None:
    photographs(folder, "images")
    _put(folder / "labels.csv", TABLE)


def coco_set(folder: Path) -> None:
    photographs(folder, "images")


def coco_masks(folder: Path) -> list[np.ndarray]:
    data = source(folder, "coco", train="train.json")
    index = build_index(read_listing(data), data)
    masks = open_masks(data, index)
    return [masks.read(name) for name in index.records if masks.available(name)]


def saliency_pairs(folder: Path) -> None:
    pairs = SaliencyFolders.open(folder / "images", folder / "masks")
    pairs.check()


def split_lists(folder: Path) -> object:
    return read_lists({"train": folder / "train.txt"}, list_images(folder / "images"))


def index_and_image(folder: Path) -> None:
    index = Index.open(folder / "index.json")
    for name in index.ids(*index.splits):
        index.tag_ids(name), index.size(name), index.path(name)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# ---- weights and models


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {f"{name}.weight": torch.randn(2, 3, generator=generator) for name in ("one", "two")}


class Two(torch.nn.Module):
    """Takes `state`."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(3, 2, bias=False)


def weights(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        path = folder / name
        load_weights(Two(), read_state_dict(path), name="two", source=str(path), remedy="fetch it again")

    return read


def as_torch(tree: Any) -> bytes:
    file = io.BytesIO()
    torch.save(tree, file)
    return file.getvalue()


def as_model(tree: Any) -> bytes:
    """A model with the digest of what it holds, so that what it holds is looked at."""
    return as_torch({**tree, "digest": model_file._digest_of(tree)} if isinstance(tree, dict) else tree)


def as_safetensors(tree: Any) -> bytes:
    header = mutations.as_json(tree)
    return len(header).to_bytes(8, "little") + header + bytes(48)


MXNET = b"".join([
    struct.pack("<QQQ", 0x112, 0, 1),  # one array:
    struct.pack("<IiI2q", 0xF993FAC9, 0, 2, 2, 3),  # dense, of 2 x 3
    struct.pack("<iii6f", 1, 0, 0, *range(6)),  # floats, from a CPU
    struct.pack("<QQ", 1, 16) + b"arg:conv1a_weigh",
])  # fmt: skip

DESCRIPTION = {
    "method": "cam", "network": "cam", "classes": ["cat", "dog"],
    "backbone": {"name": "test_resnet", "output_stride": 16, "weights": "none", "batch_norm": "frozen",
                 "dilate": True, "freeze_stem": False},
    "options": {"dropout": 0.0}, "params": {"steps": 1},
}  # fmt: skip


@functools.cache
def model() -> dict[str, Any]:
    description = model_file.Description(**{**DESCRIPTION, "classes": tuple(DESCRIPTION["classes"])})
    network = start.build(description, CamNetwork)
    return {**DESCRIPTION, "state": dict(network.state_dict())}


# ---- what stages write

METRICS = {"split": "train", "miou": 0.5, "miou_labelled": 0.6, "coverage": 0.9, "miou_rest": 0.4, "num_images": 3,
           "oracle_threshold": 0.2, "iou": {"cat": 0.5, "dog": None}, "max_f": 0.5, "mae": 0.1}  # fmt: skip
HISTORY = b"step\tlr\ttags\treliable_share\n1\t0.1\t0.5\t\n2\t0.05\t0.4\t0.2\n"
CONFUSION = b"truth,background,cat\nbackground,5,1\ncat,2,7\n"
CLASSES = (b"class,iou,boundary_iou,precision,recall,true_pixels,predicted_pixels\n"
           b"background,0.5,0.25,0.5,0.75,7,8\ncat,,,,,0,0\n")  # fmt: skip
SEEDS = (b"file,split,supervision,measured_on,params,figure,n,mean,sd,seed_0,seed_1\n"
         b"metrics/cam,train,I,00,00,miou,2,0.5,0.1,0.4,0.6\ntimes/cam,,,,00,seconds,1,3,,3,\n")  # fmt: skip
AGREEMENT = {"split": "train", "labelled": {"cam_crf": 1.0, "fused": 0.5}, "agreement": {"cam_crf to fused": 0.9},
             "mutual_miou": {"cam_crf to fused": 0.8}}  # fmt: skip
FILES = {"a.png": manifests.digest_of("a"), "b.png": manifests.digest_of("b")}
MANIFEST = {"stage": "cam", "supervision": "I", "count": 2, "content": manifests._digest_of_files(FILES),
            "params": "00", "files": FILES}  # fmt: skip
PROVENANCE = {"artifact": "cam", "code": {"digest": "0", "files": {}}, "files": {"cam/a.png": "0"}, "commit": None}
RECIPE = scenes._recipe(num_train=1, num_val=0, num_saliency=0, height=64, width=64, seed=0)
ONNX = onnx_bytes.model(
    onnx_bytes.tensor("one.weight", (2, 3, 1, 1), onnx_bytes.block(9, bytes(24))),
    onnx_bytes.node("Conv", "x", "one.weight", "one.bias"),
)


def scores() -> dict[str, Any]:
    return {
        "classes": np.array([1, 2], np.uint8),
        "scores": np.zeros((2, 2, 3), np.float16),
        "size": np.array([4, 6], np.int32),
    }


def mask() -> bytes:
    """A saliency mask of 1 x 72 pixels, salient in the middle."""
    file = io.BytesIO()
    Image.fromarray(np.array([[0] * 24 + [255] * 24 + [0] * 24], np.uint8)).save(file, "PNG")
    return file.getvalue()


def label_map() -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(np.array([[0, 1, 2, 255]] * 4, np.uint8))
    image.putpalette(voc.palette())
    image.save(file, "PNG")
    return file.getvalue()


def artifact(folder: Path) -> None:
    for name in FILES:
        _put(folder / "cam" / name, b"")


def manifest(folder: Path) -> None:
    manifests.is_empty(folder / "cam")
    manifests.supervision_of(folder / "cam")
    with suppress(artifacts.ArtifactError):  # the files are none of that digest
        manifests.check(folder / "cam")


def provenance_of(folder: Path) -> None:
    with chdir(folder):
        provenance.check(Path("cam/b.png"))


def scenes_recipe(folder: Path) -> None:
    with suppress(FileExistsError):  # which names the folder and the way out, as every command tells it
        scenes._refuse_foreign(folder)


def rows(folder: Path) -> None:
    tables.quality_table(folder, ["cam"])
    tables.missed_goals(tables.quality_rows(folder, ["cam"]), {"cam": "cam"})


def yaml_tree() -> Any:
    return json.loads(json.dumps(YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))))


def as_yaml(tree: Any) -> bytes:
    """JSON is YAML, but for what only Python writes."""
    return mutations.as_json(tree).replace(b"NaN", b".nan").replace(b"Infinity", b".inf")


PHOTOGRAPHS = {
    "jpg": picture("JPEG"),
    "png": picture("PNG"),
    "deep.png": picture("PNG", "I;16"),
    "palette.png": picture("PNG", "P"),
    "tif": picture("TIFF"),
    "lzw.tif": picture("TIFF", compression="tiff_lzw"),
    "gif": picture("GIF", "P"),
    "bmp": picture("BMP"),
    "webp": picture("WEBP"),
    "pgm": picture("PPM", "L"),
    "jp2": picture("JPEG2000"),
    "avif": picture("AVIF"),
}

READERS: dict[str, Reader] = {
    "VOC list": Reader("train.txt", b"a\nb\n", split_lists, [["a"], ["b.jpg"], ["images/a.jpg", "masks/a.png"]],
                       lambda tree: mutations.as_table(tree, " "), functools.partial(photographs, below="images")),
    "VOC XML": Reader("Annotations/a.xml", XML, of_listing("voc"), mutations.elements(XML), mutations.as_xml, voc_set),
    "VOC classes": Reader("classes.txt", b"cat\ndog\n", of_listing("voc"), [["cat"], ["dog"]],
                          lambda tree: mutations.as_table(tree, " "), voc_set),
    "VOC table": Reader("tags.csv", b"image,labels\na,dog\nb,cat\n", of_listing("voc", labels="tags.csv"),
                        [["image", "labels"], ["a", "dog"], ["b", "cat"]], lambda tree: mutations.as_table(tree, ","),
                        voc_set),
    "folder table": Reader("labels.csv", TABLE, of_listing("folder", val="val"), mutations.cells(TABLE, ","),
                           lambda tree: mutations.as_table(tree, ","), folder_set),
    "COCO JSON": Reader("train.json", mutations.as_json(INSTANCES), of_listing("coco", train="train.json"), INSTANCES,
                        prepare=coco_set),
    "COCO masks": Reader("train.json", mutations.as_json(INSTANCES), coco_masks, INSTANCES, prepare=coco_set, slow=2),
    "index": Reader("index.json", of_an_index(INDEX), index_and_image, INDEX, of_an_index),
    "label image": Reader("a.png", label_map(), lambda folder: read_labels(folder / "a.png", num_classes=2)),
    "grey map": Reader("a.png", picture("PNG", "L"), lambda folder: read_grey(folder / "a.png")),
    "saliency set": Reader("masks/a.png", mask(), saliency_pairs,
                           prepare=lambda folder: photo(folder / "images/a.jpg", size=(72, 1))),
    **{
        f"photograph {kind}": Reader(f"a.{kind}", content, functools.partial(lambda folder, name: read_image(
            folder / name), name=f"a.{kind}"))
        for kind, content in PHOTOGRAPHS.items()
    },
    "weights pth": Reader("a.pth", as_torch(state()), weights("a.pth"), {"state_dict": state(), "epoch": 3}, as_torch),
    "weights safetensors": Reader(
        "a.safetensors", save(state()), weights("a.safetensors"),
        {"one.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
         "two.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [24, 48]}}, as_safetensors),
    "weights params": Reader("a.params", MXNET, lambda folder: read_state_dict(folder / "a.params")),
    "model": Reader("model.pt", b"", lambda folder: trained.load(folder), None, as_model, slow=20),
    "params.yaml": Reader("params.yaml", (ROOT / "params.yaml").read_bytes(),
                          lambda folder: load_params(folder / "params.yaml"), yaml_tree(), as_yaml, slow=40),
    "metrics": Reader("cam.json", mutations.as_json(METRICS), rows, METRICS),
    "times": Reader("cam.json", b'{"seconds": 1.5}', lambda folder: tables.read_seconds(folder / "cam.json"),
                    {"seconds": 1.5}),
    "history": Reader("cam.tsv", HISTORY, lambda folder: text_tables.read_columns(folder / "cam.tsv", needed=("step",)),
                      mutations.cells(HISTORY, "\t"), lambda tree: mutations.as_table(tree, "\t")),
    "confusion": Reader("cam.csv", CONFUSION, lambda folder: text_tables.read_confusion(folder / "cam.csv").shares(),
                        mutations.cells(CONFUSION, ","), lambda tree: mutations.as_table(tree, ",")),
    "classes": Reader("cam.csv", CLASSES, lambda folder: text_tables.read_classes(folder / "cam.csv"),
                      mutations.cells(CLASSES, ","), lambda tree: mutations.as_table(tree, ",")),
    "seeds": Reader("cam.csv", SEEDS, lambda folder: seeds.table(seeds.read_csv(folder / "cam.csv")),
                    mutations.cells(SEEDS, ","), lambda tree: mutations.as_table(tree, ",")),
    "known without masks": Reader("agreement.json", mutations.as_json(AGREEMENT), without_masks.agreement_rows,
                                  AGREEMENT),
    "manifest": Reader("cam/manifest.json", with_digest(MANIFEST), manifest, MANIFEST, with_digest, artifact),
    "provenance": Reader("reports/provenance/cam.json", mutations.as_json(PROVENANCE), provenance_of, PROVENANCE,
                         prepare=artifact),
    "scenes": Reader("recipe.json", mutations.as_json(RECIPE), scenes_recipe, RECIPE),
    "weights onnx": Reader("a.onnx", ONNX, lambda folder: read_onnx(folder / "a.onnx")),
    "score maps": Reader("a.npz", mutations.as_npz(scores()), lambda folder: artifacts.read_scores(folder, "a"),
                         scores(), mutations.as_npz),
    "label map": Reader("a.png", label_map(), lambda folder: artifacts.read_labels(folder, "a")),
    "saliency map": Reader("a.png", picture("PNG", "L"), lambda folder: artifacts.read_grey(folder, "a")),
}  # fmt: skip
"""All readers by the names that a table of outcomes gives them."""


def completed(reader: Reader) -> Reader:
    """The reader with what takes seconds to make, and so is made only when it is needed."""
    return replace(reader, content=as_model(model()), tree=model()) if reader.file == "model.pt" else reader

