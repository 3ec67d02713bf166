"""The classifier, from which other methods start too."""

from wsss_core.models.cam_network import CamNetwork

NETWORK = CamNetwork
