"""The two Gaussian kernels of a dense CRF: how far they reach, and how much they weigh."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernels:
    """The reach and the weight of each kernel of Kraehenbuehl & Koltun, NIPS 2011, eq. 3, at positions P and colours I:

    k_ij = bilateral_weight exp(-|P_i - P_j|^2 / 2 bilateral_sxy^2 - |I_i - I_j|^2 / 2 bilateral_srgb^2)
         + gaussian_weight exp(-|P_i - P_j|^2 / 2 gaussian_sxy^2)

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
