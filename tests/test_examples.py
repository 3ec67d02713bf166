"""examples/: an exported network used without this project, from Python and in a browser."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import chromium
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from workspace import ROOT

import wsss_core
from wsss_core.cli.main import main
from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.models import model_file
from wsss_core.models.model_file import Description
from wsss_core.training import start

BROWSER = ROOT / "examples/browser"
PACKAGE = Path(os.environ.get("WSSS_NODE_MODULES", BROWSER / "node_modules")) / "onnxruntime-web"
"""Where onnxruntime-web is, if somebody fetched it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An exported network of new weights, and a photograph whose sides its stride does not divide."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    made = tmp_path_factory.mktemp("examples")
    backbone = {"name": "test_resnet", "output_stride": 8, "weights": "none", "batch_norm": "frozen"}
    described = Description("deeplab", "deeplab", ("cat", "dog", "cow"), backbone, {"head": "aspp_v2"}, {})
    torch.manual_seed(0)
    model_file.save(made, start.build(described, DeepLab), described)
    result = CliRunner().invoke(main, ["export", str(made), "--out", str(made / "segmenter.onnx")])
    assert result.exit_code == 0, result.output
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((93, 70), Image.Resampling.BICUBIC).save(made / "photograph.png")
    return made


@pytest.fixture(scope="module")
def expected(folder) -> np.ndarray:
    """(70, 93): the labels that the network itself gives."""
    labels = wsss_core.load(folder).segment(folder / "photograph.png", flip=False)
    assert len(np.unique(labels)) > 1
    return labels


def test_the_python_example_gives_the_networks_labels(folder, expected):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    command = [sys.executable, ROOT / "examples/segment.py", "segmenter.onnx", "photograph.png", "labels.png"]
    ended = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    names = ("background", "cat", "dog", "cow")
    assert ended.stdout.strip() == ", ".join(names[label] for label in np.unique(expected))
    with Image.open(folder / "labels.png") as picture:
        assert (np.array(picture) == expected).mean() > 0.999  # but ties


NODE_SCRIPT = """
import {{ readFileSync, writeFileSync }} from "node:fs";
import {{ factsOf, imageOf, labelsOf }} from "{module}";
const facts = factsOf(readFileSync("segmenter.onnx"));
const image = imageOf(readFileSync("pixels.bin"), 93, 70, facts);
const logits = new Float32Array(new Uint8Array(readFileSync("logits.bin")).buffer);
const labels = labelsOf(logits, {shape}, 93, 70, facts);
writeFileSync("image.bin", Buffer.from(image.buffer));
writeFileSync("labels.bin", labels);
console.log(JSON.stringify(facts));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed, which runs the page's script")
def test_the_pages_script_prepares_and_reads_as_the_network_wants(folder, expected, tmp_path):
    session = pytest.importorskip("onnxruntime").InferenceSession(folder / "segmenter.onnx")
    with Image.open(folder / "photograph.png") as picture:
        (tmp_path / "pixels.bin").write_bytes(np.array(picture.convert("RGBA")).tobytes())
        rgb = np.array(picture.convert("RGB"))
    shutil.copy(folder / "segmenter.onnx", tmp_path)
    facts = json.loads(session.get_modelmeta().custom_metadata_map["wsss"])
    image = ((rgb * facts["scale"] - facts["mean"]) / facts["std"]).transpose(2, 0, 1).astype(np.float32)
    (logits,) = session.run(None, {"image": image[None]})
    (tmp_path / "logits.bin").write_bytes(logits.tobytes())
    script = NODE_SCRIPT.format(module=(BROWSER / "segment.mjs").as_uri(), shape=list(logits.shape))
    command = ["node", "--input-type=module", "--eval", script]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == facts
    np.testing.assert_allclose(np.fromfile(tmp_path / "image.bin", np.float32).reshape(image.shape), image, atol=1e-6)
    assert (np.fromfile(tmp_path / "labels.bin", np.uint8).reshape(70, 93) == expected).mean() > 0.999


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address(folder, tmp_path) -> Iterator[str]:
    """A server of the page, the package, the network and the photograph."""
    for path in (BROWSER / "index.html", BROWSER / "segment.mjs", folder / "segmenter.onnx", folder / "photograph.png"):
        shutil.copy(path, tmp_path)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/onnxruntime-web").symlink_to(PACKAGE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@chromium.needed
@pytest.mark.skipif(not PACKAGE.is_dir(), reason="no onnxruntime-web; fetch it by npm and set WSSS_NODE_MODULES")
def test_the_page_finds_in_a_browser_what_the_network_does(address, expected, tmp_path):
    command = [
        chromium.PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=60000", "--dump-dom", f"{address}/?model=segmenter.onnx&photograph=photograph.png",
    ]  # fmt: skip
    page = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    told = re.search(r'<p id="found">(.*?)</p>', page)[1]
    counts = {name: int(count) for name, count in re.findall(r"(\w+): (\d+)", told)}
    assert sum(counts.values()) == expected.size, told
    for label, name in enumerate(("background", "cat", "dog", "cow")):
        assert abs(counts.get(name, 0) - (expected == label).sum()) <= 5
