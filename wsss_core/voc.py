"""Names and numbers of PASCAL VOC that every module shares."""

BACKGROUND = 0
IGNORE_INDEX = 255

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


def palette() -> list[int]:
    """The VOC colour map as 768 ints (R, G, B of label 0, of label 1, ...), for `PIL.Image.putpalette`.

    Bit b of each channel, from the most significant down, is taken from bits 0, 1, 2 of the label,
    then the label moves on by three bits: neighbouring labels get far-apart colours, 255 gets cream.
    """
    colours = []
    for label in range(256):
        rgb = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                rgb[channel] |= ((label >> (3 * bit + channel)) & 1) << (7 - bit)
        colours += rgb
    return colours
