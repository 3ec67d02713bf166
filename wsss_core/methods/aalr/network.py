"""The network of AA&LR: one backbone that classifies and segments."""

from wsss_core.models.two_branch import TwoBranchNetwork

NETWORK = TwoBranchNetwork
