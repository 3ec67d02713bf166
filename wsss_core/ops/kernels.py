"""The two Gaussian kernels of a dense CRF: how far they reach, and how much they weigh."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernels:
    """Of Kraehenbuehl & Koltun, NIPS 2011, eq. 3.

    Attributes:
        gaussian_sxy: reach of the smoothness kernel, pixels.
        gaussian_weight: its Potts weight.
        bilateral_sxy: reach of the appearance kernel, pixels.
        bilateral_srgb: its reach in colour, of 255.
        bilateral_weight: its Potts weight.
    """

    gaussian_sxy: float
    gaussian_weight: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_weight: float
