"""Graphs run in copies of the repository: for other seeds, for a first look, and to know a cost beforehand."""
