"""The classifier, from which other methods start too."""

from wsss_core.models.tag_classifier import CamNetwork

NETWORK = CamNetwork
