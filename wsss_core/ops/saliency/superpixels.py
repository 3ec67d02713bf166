"""Superpixels of an image with the graph and the colour statistics that saliency priors need."""

from dataclasses import dataclass

import numpy as np
from skimage.color import rgb2lab
from skimage.segmentation import slic

REFERENCE_AREA = 600.0  # pixels per superpixel that the published radii (border band, blur) go with
LEAST_AREA = 36.0  # a superpixel smaller than 6 x 6 px says little about colour


@dataclass(frozen=True)
class Superpixels:
    """A partition of an (H, W) image into n >= 2 regions, numbered 0..n-1 without gaps.

    Attributes:
        labels: (H, W) int, the region of each pixel.
        area: (n,) int, pixels in each.
        lab: (n, 3) float64, mean CIE Lab colour.
        centroid: (n, 2) float64 in [0, 1), mean row / H and mean column / W.
        adjacent: (n, n) bool, symmetric, False on the diagonal; regions that share a pixel edge.
        side: pixels, the side of an average region relative to the published one (24.5 px).
    """

    labels: np.ndarray
    area: np.ndarray
    lab: np.ndarray
    centroid: np.ndarray
    adjacent: np.ndarray
    side: float

    @property
    def two_ring(self) -> np.ndarray:
        """(n, n) bool, False on the diagonal: neighbours and their neighbours."""
        steps = self.adjacent.astype(np.float32)
        near = self.adjacent | (steps @ steps > 0)
        np.fill_diagonal(near, False)
        return near

    @property
    def colour_distance(self) -> np.ndarray:
        """(n, n) float64, Euclidean distance of the mean Lab colours."""
        return pairwise_distance(self.lab)

    def touching(self, pixels: np.ndarray | tuple[slice, slice]) -> np.ndarray:
        """(n,) bool: the regions that have a pixel in this part of the image."""
        hit = np.zeros(len(self.area), bool)
        hit[self.labels[pixels]] = True
        return hit

    def on_border(self, band: int) -> np.ndarray:
        """(n,) bool: the regions that reach into the border band of this many pixels."""
        inside = np.zeros(self.labels.shape, bool)
        inside[band:-band, band:-band] = True
        return self.touching(~inside)

    def paint(self, values: np.ndarray) -> np.ndarray:
        """(H, W) float32 map of (n,) values, each region in one value."""
        return values[self.labels].astype(np.float32)


def segment(image: np.ndarray, *, target: int | None, compactness: float = 20.0) -> Superpixels | None:
    """SLIC superpixels, or None where the image is too small to have two.

    DEVIATION: the published area of 600 px gives small images a handful of superpixels, all of them at the
    border. Those get at least 200 regions as long as each keeps 36 px; blur shrinks with the regions.

    Args:
        image: (H, W, 3) uint8 RGB.
        target: number of regions to ask for; None for one per 600 px. SLIC returns somewhat fewer.
        compactness: weight of position against Lab colour (20 in the authors' settings).

    Returns:
        The regions; `n` is what SLIC returned, not the number asked for.
    """
    height, width = image.shape[:2]
    wanted = target if target is not None else max(round(height * width / REFERENCE_AREA), 200)
    num_segments = min(wanted, int(height * width / LEAST_AREA))
    if num_segments < 2:
        return None
    side = min(1.0, (height * width / num_segments / REFERENCE_AREA) ** 0.5)
    segments = slic(
        image, n_segments=num_segments, compactness=compactness, sigma=side, start_label=0,
        enforce_connectivity=True, channel_axis=-1,
    )  # fmt: skip
    found, labels = np.unique(segments, return_inverse=True)
    return _describe(image, labels.reshape(height, width), len(found), side) if len(found) > 1 else None


def pairwise_distance(points: np.ndarray) -> np.ndarray:
    """(n, n) Euclidean distances of (n, d) points."""
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))


def min_max(values: np.ndarray, *, flat: float) -> np.ndarray:
    """The values stretched to [0, 1]; all zero where they span no more than `flat`."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high - low > flat else np.zeros_like(values)


def _describe(image: np.ndarray, labels: np.ndarray, n: int, side: float) -> Superpixels:
    height, width = labels.shape
    area = np.bincount(labels.ravel(), minlength=n)
    lab = rgb2lab(image).reshape(-1, 3)
    row, column = np.divmod(np.arange(labels.size), width)
    means = [
        np.bincount(labels.ravel(), weights=value, minlength=n) / area
        for value in (lab[:, 0], lab[:, 1], lab[:, 2], row / height, column / width)
    ]
    adjacent = np.zeros((n, n), bool)
    adjacent[labels[:, :-1], labels[:, 1:]] = True
    adjacent[labels[:-1], labels[1:]] = True
    adjacent |= adjacent.T
    np.fill_diagonal(adjacent, False)
    return Superpixels(
        labels=labels, area=area, lab=np.stack(means[:3], axis=1), centroid=np.stack(means[3:], axis=1),
        adjacent=adjacent, side=side,
    )  # fmt: skip
