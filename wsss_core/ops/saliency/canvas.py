"""The part of an image that detectors look at: a bounded copy without its artificial frame."""

from collections.abc import Callable

import numpy as np
from PIL import Image

FRAME_TOLERANCE = 10  # grey levels of JPEG noise that a one-coloured frame may show
FRAME_STEP = 24  # grey levels by which a picture differs from its frame, at the least
FRAME_STEP_SHARE = 0.6  # share of a line that must show the step: a frame ends along its whole length
FRAME_BLUR = 3  # lines over which resizing and JPEG may smear the step
FRAME_REACH = 0.25  # share of the side that a frame may cover on one end


def detect_on_canvas(
    image: np.ndarray, detector: Callable[[np.ndarray], np.ndarray], *, long_side: int
) -> np.ndarray:
    """The detector's map of the image, found on a bounded copy whose frame is cut off.

    Cost and superpixel count stay bounded whatever the image's size. DEVIATION: the papers work at full
    resolution, on sets whose images are all about 400 px long.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: (h, w, 3) uint8 -> (h, w) float in [0, 1].
        long_side: pixels; longer images are reduced to it, shorter ones left as they are.

    Returns:
        (H, W) float32 in [0, 1]; 0 on the frame.

    Raises:
        ValueError: the image is empty, or not (H, W, 3) uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            f"image is {image.shape} {image.dtype}, expected (H, W, 3) uint8 RGB; "
            "repeat a grey channel three times, drop an alpha channel"
        )
    canvas = _bounded_copy(image, long_side)
    inside = content_box(canvas)
    saliency = np.zeros(canvas.shape[:2], np.float32)
    saliency[inside] = detector(canvas[inside])
    return resize_map(saliency, image.shape[0], image.shape[1])


def content_box(image: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the picture inside an artificial one-coloured frame (letterbox, passe-partout).

    Boundary priors would otherwise take the frame for the scene's background. A plain background is no
    frame: where a frame ends, nearly the whole line changes colour at once, not just the object's part.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        Two slices, rows then columns; the whole image if it has no frame.
    """
    rows = _inside_frame(image)
    columns = _inside_frame(image[rows].transpose(1, 0, 2))
    return rows, columns


def resize_map(saliency: np.ndarray, height: int, width: int) -> np.ndarray:
    """The map at another size, bilinear; (h, w) float32 -> (height, width) float32."""
    if saliency.shape == (height, width):
        return saliency
    resized = Image.fromarray(saliency).resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)


def _bounded_copy(image: np.ndarray, long_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _inside_frame(lines: np.ndarray) -> slice:
    """The lines of (n, m, 3) uint8 between a frame's first and last ones."""
    return slice(_frame_width(lines), len(lines) - _frame_width(lines[::-1]))


def _frame_width(lines: np.ndarray) -> int:
    """How many lines of (n, m, 3) uint8, from the first on, are frame."""
    reach = int(FRAME_REACH * len(lines))
    near = lines[: reach + FRAME_BLUR].astype(np.int16)
    difference = np.abs(near - np.median(near[0], axis=0)).max(axis=2)  # (reach + blur, m)
    beyond = np.flatnonzero((difference > FRAME_TOLERANCE).any(axis=1))
    if beyond.size == 0 or not 0 < beyond[0] <= reach:
        return 0
    start = beyond[0]
    stepped = (difference[start : start + FRAME_BLUR] > FRAME_STEP).mean(axis=1) >= FRAME_STEP_SHARE
    return int(start + stepped.argmax()) if stepped.any() else 0
