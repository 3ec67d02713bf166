"""MB+: the minimum barrier distance to the border, and how unlike the border's colours a pixel is."""

from functools import partial

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter
from skimage.color import rgb2lab
from skimage.morphology import reconstruction

from wsss_core.ops.saliency.canvas import detect_on_canvas
from wsss_core.ops.saliency.superpixels import min_max

FLAT = 1e-3  # levels of 0..255; maps that span less are rounding
COVARIANCE_FLOOR = 50.0  # levels^2; authors' 50 / 255^2 for colours in [0, 1]


def minimum_barrier_plus(
    image: np.ndarray,
    *,
    long_side: int = 300,
    passes: int = 3,
    band: float = 0.1,
    smoothing: float = 50.0,
    contrast: float = 10.0,
) -> np.ndarray:
    """Salient is what no path from the border reaches without a change of colour.

    See PATENT_NOTE.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_side: pixels, size of the copy that is worked on (300 in the paper).
        passes: raster scans, forward and backward in turn.
        band: share of the side that each border band of the backgroundness covers.
        smoothing: pixels; the filter is this times the root of the map's mean wide (paper's alpha).
        contrast: slope of the final sigmoid.

    Returns:
        (H, W) float32 in [0, 1]; all zero for images of one colour and without interior. Elsewhere the
        sigmoid keeps it within [1 / (1 + e^5), 1 / (1 + e^-5)].

    Raises:
        ValueError: the image is not (H, W, 3) uint8.

    Zhang, Sclaroff, Lin, Shen, Price and Mech, ICCV 2015. Deviation: the reconstruction filters take a
    square, and colours are not median-filtered first.
    """

    detector = partial(_on_content, passes=passes, band=band, smoothing=smoothing, contrast=contrast)
    return detect_on_canvas(image, detector, long_side=long_side)


def _on_content(
    content: np.ndarray, *, passes: int, band: float, smoothing: float, contrast: float
) -> np.ndarray:
    channels = _lab_levels(content)
    barrier = barrier_distance(channels, passes=passes).sum(axis=0)
    unlike_border = border_contrast(channels, band=band)
    saliency = min_max(barrier, flat=FLAT) + min_max(unlike_border, flat=FLAT)
    if not saliency.any():
        return saliency
    return _enhance(min_max(saliency, flat=0), smoothing=smoothing, contrast=contrast)


def barrier_distance(channels: np.ndarray, *, passes: int) -> np.ndarray:
    """Each pixel's minimum barrier distance to the image's border, approximated by raster scans.

    The barrier of a path is the maximum minus the minimum of the values along it.

    Args:
        channels: (n, H, W) float, each channel on its own.
        passes: scans, the 1st, 3rd, ... from the top left, the 2nd, 4th, ... from the bottom right.

    Returns:
        (n, H, W) float32 >= 0; 0 on the border; another pass never raises it.

    Zhang et al., ICCV 2015, algorithm 1. A pixel of a scan needs only its upper and left neighbours, both
    on the anti-diagonal before its own: whole anti-diagonals are updated at once, with the same result.
    """
    num_channels, height, width = channels.shape
    row, column = np.divmod(np.arange(height * width), width)
    # Anti-diagonal first: entry (d, k, r) is channel k at row r and column d - r.
    values = np.zeros((height + width - 1, num_channels, height), np.float32)
    values[row + column, :, row] = channels.reshape(num_channels, -1).T
    on_border = (row == 0) | (column == 0) | (row == height - 1) | (column == width - 1)
    distance = np.zeros_like(values)
    distance[row + column, :, row] = np.where(on_border, 0, np.inf)[:, None]
    highest, lowest = values.copy(), values.copy()
    for turn in range(passes):
        # Turning the image by 180 degrees turns both axes of the diagonal layout.
        step = 1 if turn % 2 == 0 else -1
        _scan(*(array[::step, :, ::step] for array in (values, distance, highest, lowest)))
    return distance[row + column, :, row].T.reshape(channels.shape)


def _scan(values: np.ndarray, distance: np.ndarray, highest: np.ndarray, lowest: np.ndarray) -> None:
    """One scan from the top left, in place, over arrays (H + W - 1, n, H) of anti-diagonals."""
    num_diagonals, _, height = values.shape
    width = num_diagonals - height + 1
    for d in range(1, num_diagonals):
        first, last = max(0, d - width + 1), min(height - 1, d)
        rows_with_upper = slice(max(first, 1), last + 1)
        rows_with_left = slice(first, min(last, d - 1) + 1)
        upper = slice(rows_with_upper.start - 1, last)
        for here, neighbour in ((rows_with_upper, upper), (rows_with_left, rows_with_left)):
            value = values[d, :, here]
            high = np.maximum(highest[d - 1, :, neighbour], value)
            low = np.minimum(lowest[d - 1, :, neighbour], value)
            barrier = high - low
            closer = barrier < distance[d, :, here]
            np.copyto(distance[d, :, here], barrier, where=closer)
            np.copyto(highest[d, :, here], high, where=closer)
            np.copyto(lowest[d, :, here], low, where=closer)


def border_contrast(channels: np.ndarray, *, band: float) -> np.ndarray:
    """Mahalanobis distance to the colours of the border's four bands, the largest left out (sec. 4.2).

    Leaving one out spares an object that fills one side. (3, H, W) float -> (H, W) float.
    """
    _, height, width = channels.shape
    rows, columns = max(1, round(band * height)), max(1, round(band * width))
    bands = (np.s_[:, :rows], np.s_[:, -rows:], np.s_[:, :, :columns], np.s_[:, :, -columns:])
    total = np.zeros((height, width))
    largest = np.zeros((height, width))
    for part in bands:
        colours = channels[part].reshape(len(channels), -1)
        centre = colours.mean(axis=1)
        deviations = colours - centre[:, None]
        covariance = deviations @ deviations.T / colours.shape[1] + COVARIANCE_FLOOR * np.eye(len(channels))
        offsets = channels.reshape(len(channels), -1) - centre[:, None]
        squared = (offsets * np.linalg.solve(covariance, offsets)).sum(axis=0).reshape(height, width)
        unlike = np.sqrt(squared)
        unlike = unlike / unlike.max() if unlike.max() > FLAT else np.zeros_like(unlike)
        total += unlike
        np.maximum(largest, unlike, out=largest)
    return total - largest


def _enhance(saliency: np.ndarray, *, smoothing: float, contrast: float) -> np.ndarray:
    """Smooth within shapes, favour the centre, and part high from low (sec. 4.3)."""
    width = max(3, round(smoothing * float(np.sqrt(saliency.mean()))))
    opened = reconstruction(minimum_filter(saliency, width), saliency, method="dilation")
    smooth = reconstruction(maximum_filter(opened, width), opened, method="erosion")
    row, column = np.mgrid[: saliency.shape[0], : saliency.shape[1]]
    off_centre = np.hypot(row - row.mean(), column - column.mean())
    centred = min_max(smooth * (1 - off_centre / off_centre.max()), flat=0)
    return 1 / (1 + np.exp(-contrast * (centred - 0.5)))


def _lab_levels(image: np.ndarray) -> np.ndarray:
    """(3, H, W) float: CIE Lab with each channel on 0..255, as 8-bit Lab images store it."""
    lab = rgb2lab(image)
    return np.stack([lab[..., 0] * 2.55, lab[..., 1] + 128, lab[..., 2] + 128])


PATENT_NOTE = "a public port of MB+ (Zhang et al., ICCV 2015) says that a patent on it is pending"
detect = minimum_barrier_plus
