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
        needs: the distributions without which it cannot run.
        without_saliency_weights: which it needs too where no U²-Net-P was brought.
    """

    number: int
    module: str
    title: str
    seconds: int
    rehearsal_seconds: int
    needs: tuple[str, ...]
    without_saliency_weights: tuple[str, ...] = ()

    def all_needs(self, *, saliency_weights: bool) -> tuple[str, ...]:
        return self.needs if saliency_weights else (*self.needs, *self.without_saliency_weights)


READERS = ("numpy", "pillow", "pydantic", "ruamel.yaml")
"""What reads the list of a data set."""
_CORE = ("click", "filelock", "lightning-fabric", "numpy", "pillow", "pydantic", "ruamel.yaml", "torch", "tqdm")
_NETWORKS = (*_CORE, "safetensors", "timm", "torchvision")

PARTS = (
    Part(1, "benchmarks.gpu.machine", "what is there, and what is missing", 30, 40, ()),
    Part(2, "benchmarks.gpu.checks", "the tests marked gpu: the device's results against the CPU's", 110, 110,
         (*_CORE, "pytest")),
    Part(3, "benchmarks.gpu.core", "the fast core at batch 1 and 16, beside its references", 60, 110, _CORE),
    Part(4, "benchmarks.gpu.throughput", "each network against itself on tensors that lie on the device", 80, 120,
         _NETWORKS),
    Part(5, "benchmarks.gpu.pipeline", "forty photographs through the root graph in bf16 and float32", 80, 100,
         _NETWORKS, without_saliency_weights=("scikit-image", "scipy")),  # which RBD is made with
)  # fmt: skip

OPTIONAL = {
    "pydensecrf2": "the CRF's reference (part 3)",
    "scikit-image": "photographs for the CRF, else drawn scenes (part 3); maps of AuxSegNet (part 2)",
    "scipy": "maps of AuxSegNet (part 2)",
}
"""What a machine may lack, and what the check then does without."""

BESIDE = {
    "lightning-fabric": ("lightning-utilities", "packaging"),
    "pydantic": ("annotated-types", "pydantic-core", "typing-inspection"),
    "pytest": ("iniconfig", "packaging", "pluggy", "pygments"),
    "scikit-image": ("imageio", "lazy-loader", "packaging", "pillow", "scipy", "tifffile"),
    "timm": ("anyio", "click", "h11", "hf-xet", "httpcore2", "httpx2", "huggingface-hub", "idna", "packaging", "pyyaml",
             "safetensors", "tqdm", "truststore"),
}  # fmt: skip
"""What these need in turn, beyond torch and what it brings, in the versions of constraints.txt: a machine that lacks
one of them cannot tell."""
