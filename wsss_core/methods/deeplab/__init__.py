"""DeepLab on label maps of any origin: where every two-step pipeline ends, and the measure of all, on true masks."""
