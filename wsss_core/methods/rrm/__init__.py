"""RRM (Zhang et al., AAAI 2020; docs/rrm.md)."""
