"""The network of RRM: one backbone that classifies and segments."""

from wsss_core.models.two_branch import TwoBranchNetwork

NETWORK = TwoBranchNetwork
