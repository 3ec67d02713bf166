"""What the tests on a GPU share: the GPU, or in a rehearsal the CPU in its place, and a run of the stages on it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from workspace import LABEL_STAGES, Workspace

from wsss_core import artifacts, layout, manifests
from wsss_core.data.index import Index

# As `devices.launch` does before it touches a GPU; here a test may touch it first.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

SMALLEST = {
    "dataset": {"scenes": {"num_train": 4, "num_val": 2, "num_saliency": 2}},
    "auxsegnet": {"batch": 4},
    "ssnet": {"first": {"batch": 4}, "second": {"batch": 4}},
}
"""Parameters by which every training takes one step."""
ONE_ROUND = {"1": {"before": 0, "weights": "models/cam", "saliency": "data/saliency"}}
"""AuxSegNet's."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Drivers and libraries of any age warn of what no test here is about, and of operators that are deterministic on
    the CPU alone: that is shown and fails nothing."""
    item.add_marker(pytest.mark.filterwarnings("default::UserWarning"))


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU; without one the CPU, if WSSS_REHEARSE=1 asks for it."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if os.environ.get("WSSS_REHEARSE") == "1":
        return torch.device("cpu")
    pytest.skip("no GPU here (WSSS_REHEARSE=1 rehearses on the CPU)")


@pytest.fixture(scope="session")
def environment(device: torch.device) -> dict[str, str]:
    """The environment of stages which compute on the device, in the precision that they choose themselves."""
    return {"WSSS_DEVICES": "1" if device.type == "cuda" else "cpu", "WSSS_PRECISION": ""}


@pytest.fixture
def _on_device(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own process in that environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def _exact() -> Iterator[None]:
    """Convolutions in float32, as on a CPU: by itself a GPU rounds their factors to TF32's ten bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="session")
def on_device(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The stages from tags to predictions, run once on the device: to look at, never to change."""
    for package in ("timm", "torchvision"):
        pytest.importorskip(package)
    made = Workspace(tmp_path_factory.mktemp("device") / "work", environment=environment)
    made.params["auxsegnet"]["rounds"] = ONE_ROUND
    made.set(**SMALLEST)
    for stage in (*LABEL_STAGES, "train_deeplab", "predict"):
        draw_saliency(made) if stage == "saliency" else made.run(stage)
    return made


def draw_saliency(workspace: Workspace) -> None:
    """The middle of every photograph, in place of a stage whose packages may be absent; it computes on the CPU."""
    index, folder = Index.open(workspace.folder / layout.INDEX), workspace.folder / layout.SALIENCY
    for image_id in index.ids("train"):
        lines = [np.sin(np.pi * (np.arange(side) + 0.5) / side) for side in index.size(image_id)]
        artifacts.write_grey(folder, image_id, np.outer(*lines))
    manifests.write(folder, stage="saliency", params={}, names=manifests.files_of(folder))


@pytest.fixture
def pipeline(on_device: Workspace, tmp_path) -> Workspace:
    """A copy of that run, to change and run again."""
    return on_device.copied_to(tmp_path / "work")
