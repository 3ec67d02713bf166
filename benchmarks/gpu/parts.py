"""The parts of the check, ordered by worth: each a process of its own, bounded in time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        number: by which `make gpu PART=2` runs it alone.
        module: its `run(setting, record)` raises where something is not as it should be.
        title: a sentence.
        seconds: at most, on a GPU.
        rehearsal_seconds: at most, on two CPU cores.
        needs: the distributions without which it cannot run, beyond torch and NumPy.
    """

    number: int
    module: str
    title: str
    seconds: int
    rehearsal_seconds: int
    needs: tuple[str, ...]


_CORE = ("click", "filelock", "lightning-fabric", "pillow", "pydantic", "ruamel.yaml", "tqdm")
_NETWORKS = (*_CORE, "safetensors", "timm", "torchvision")

PARTS = (
    Part(1, "benchmarks.gpu.machine", "what is there, and what is missing", 30, 40, ()),
    Part(2, "benchmarks.gpu.checks", "the tests marked gpu: the device's results against the CPU's", 110, 110,
         (*_CORE, "pytest")),
    Part(3, "benchmarks.gpu.core", "the fast core at batch 1 and 16, beside its references", 60, 110, _CORE),
    Part(4, "benchmarks.gpu.throughput", "each network against itself on tensors that lie on the device", 80, 120,
         _NETWORKS),
    Part(5, "benchmarks.gpu.pipeline", "forty photographs through the root graph in bf16 and float32", 80, 100,
         _NETWORKS),
)  # fmt: skip

OPTIONAL = {
    "pydensecrf2": "the CRF's reference (part 3)",
    "scikit-image": "photographs for the CRF (part 3), else drawn scenes; RBD where no U²-Net-P was brought (part 5)",
    "scipy": "RBD where no U²-Net-P was brought (part 5)",
    "matplotlib": "nothing here: reports are made elsewhere",
}
"""What a machine may lack, and what the check then does without."""
