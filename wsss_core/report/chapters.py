"""The stages of a graph that have pages of their own in the report: what each does, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Chapter:
    """A stage that has a page of its own; what a chapter claims does not stand on the report's first page.

    Attributes:
        name: of its file, and of the `Column.chapter` whose pictures it shows.
        title: over it.
        sentence: what the stage does, for a reader who does not know the code.
        rows: names of its metrics files.
        trainings: name of a history -> its title.
    """

    name: str
    title: str
    sentence: str
    rows: Sequence[str] = ()
    trainings: Mapping[str, str] = field(default_factory=dict)


PIPELINE = (
    Chapter(
        "cam", "Class activation maps",
        "A network learns which classes a photograph shows, from its tags alone; the class activation map (CAM) shows"
        " which places made it say so.",
        rows=("cam",), trainings={"train_cam": "CAM network"},
    ),
    Chapter(
        "cam_crf", "CAM + CRF",
        "A dense CRF moves the borders of the CAM to the edges of the photograph. Nothing is trained for it, so"
        " whatever takes more effort must do better.",
        rows=("cam_crf",),
    ),
    Chapter(
        "affinity", "Affinity",
        "Where the CAM is sure, its labels teach AffinityNet which neighbouring pixels belong together; where it is"
        " not, they are ignored and drawn hatched.",
        trainings={"train_affinity": "AffinityNet"},
    ),
    Chapter(
        "random_walk", "Random walk",
        "The scores of each class spread from a pixel to those around it that AffinityNet takes for its like.",
        rows=("random_walk",),
    ),
    Chapter(
        "saliency", "Saliency",
        "A saliency map says how much a pixel stands out as part of an object, of whatever class.",
    ),
    Chapter(
        "fused", "Fusion",
        "The walk says which class, saliency says whether there is an object at all; together they give each pixel a"
        " label, or none where they disagree.",
        rows=("fused",),
    ),
    Chapter(
        "pseudo_labels", "Pseudo-labels",
        "A dense CRF draws the fused labels along the edges of the photograph. These masks are what the segmentation"
        " network learns.",
        rows=("pseudo_labels",),
    ),
    Chapter(
        "deeplab", "DeepLab",
        "A segmentation network learns the pseudo-labels, and from then on needs nothing but a photograph.",
        rows=("deeplab",), trainings={"deeplab": "DeepLab"},
    ),
)  # fmt: skip
"""Of the default graph, in its order."""
