"""Label maps to the formats of annotation tools and trainers, and back.

Each file of `formats/` is a format (`registry.formats`): `write`, `read`, and what it says of itself, see `format.py`.
"""
