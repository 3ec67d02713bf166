"""SSNet (Zeng et al., ICCV 2019; docs/ssnet.md)."""
