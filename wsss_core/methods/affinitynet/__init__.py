"""AffinityNet (Ahn & Kwak, CVPR 2018; docs/affinitynet.md): class maps walk along learnt affinities to labels."""
