"""Model files that were written before open, and their networks compute what they computed then.

`model_files/` holds one file of each network, as training wrote it at 926d04b but compressed: backbone test_resnet at
stride 8, two classes, weights of a short repeating pattern. Never write them anew: add one beside them instead.
"""

import lzma
from pathlib import Path

import pytest
import torch

from wsss_core.models import trained

FILES = Path(__file__).parent / "model_files"
COMPUTED = {
    "cam": {"logits": (1.28952, 0.132326)},
    "affinity": {"affinity_features": (0.487567, 1.04638)},
    "deeplab": {"seg": (2.18597, 0.532728)},
    "rrm": {"cam": (1.30819, 0.960855), "seg": (1.08201, 0.208428)},
    "aalr": {"cam": (0.977888, 0.977741), "seg": (1.0513, 0.43976)},
    "ssnet_first": {"seg": (1.29021, 0.379219), "saliency": (0.674979, 0.092871)},
    "ssnet_second": {"seg": (1.15042, 0.267239), "saliency": (0.614858, 0.0675732)},
    "auxsegnet": {"cam": (1.30819, 0.960855), "seg": (-0.14268, 0.243837), "seg_first": (-0.143233, 0.244098)},
}
"""Mean and deviation of outputs for IMAGE, when the files were written."""
IMAGE = ((torch.arange(3 * 40 * 56) * 7 % 31).view(1, 3, 40, 56) - 15) / 10.0


@pytest.mark.parametrize("name", COMPUTED)
def test_a_model_file_of_before_opens_and_computes_what_it_did(tmp_path, name):
    (tmp_path / "model.pt").write_bytes(lzma.decompress((FILES / f"{name}.pt.xz").read_bytes()))
    model, description = trained.load(tmp_path)
    assert (description.method, description.classes) == (name.partition("_")[0], ("cat", "dôg"))
    with torch.no_grad():
        outputs = model(IMAGE)
    found = {key: (outputs[key].mean().item(), outputs[key].std().item()) for key in COMPUTED[name]}
    assert {key: pytest.approx(values, rel=1e-3) for key, values in COMPUTED[name].items()} == found


def test_every_file_is_tried():
    assert {path.name.partition(".")[0] for path in FILES.iterdir()} == COMPUTED.keys()
