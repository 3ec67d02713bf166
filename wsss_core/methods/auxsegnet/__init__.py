"""AuxSegNet (Xu et al., ICCV 2021; docs/auxsegnet.md)."""
