"""The constants of PASCAL VOC against values known from its development kit."""

from wsss_core import voc


def colour(label: int) -> tuple[int, ...]:
    return tuple(voc.palette()[3 * label : 3 * label + 3])


def test_palette_has_the_published_colours():
    published = {
        "background": (0, 0, 0), "aeroplane": (128, 0, 0), "bicycle": (0, 128, 0), "bottle": (128, 0, 128),
        "person": (192, 128, 128), "pottedplant": (0, 64, 0), "tvmonitor": (0, 64, 128),
    }  # fmt: skip
    names = ("background", *voc.CLASSES)
    assert {name: colour(names.index(name)) for name in published} == published
    assert colour(voc.IGNORE_INDEX) == (224, 224, 192)


def test_every_label_has_its_own_colour():
    assert len(voc.palette()) == 768
    assert len({colour(label) for label in range(256)}) == 256


def test_classes_are_the_twenty_of_voc_in_alphabetical_order():
    assert len(voc.CLASSES) == 20
    assert list(voc.CLASSES) == sorted(voc.CLASSES)
    assert voc.CLASSES.index("person") + 1 == 15
