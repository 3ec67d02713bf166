"""A step of a training leaves the device alone: it asks for what nobody can know beforehand, once each."""

import pytest
from host_waits import HostWaits

OF_A_LATTICE = 2  # how many coordinates and how many vertices there are
OF_LABELS = 1  # which tags and which rectangles


@pytest.mark.parametrize(
    ("training", "changes", "waits"),
    [
        (("rrm",), {}, OF_LABELS + 2 * OF_A_LATTICE),  # of the CRF, and of the energy
        (("aalr",), {}, OF_LABELS + OF_A_LATTICE),
        (("aalr",), {"label_source": "pamr"}, OF_LABELS),
        (("ssnet", 1), {}, 0),
        (("ssnet", 2), {}, 0),
        (("auxsegnet", 1), {}, 0),
    ],
    ids=str,
)
def test_a_step_waits_for_the_device_so_often_whatever_the_batch_is(build, training, changes, waits, any_batch):
    made = build(*training, **changes)
    made.terms(any_batch)  # what is made once and kept
    with HostWaits() as seen:
        terms = made.terms(any_batch)
        sum(terms.losses.values()).backward()
    assert sum(seen.counts.values()) <= waits, seen.counts
