"""What AuxSegNet makes of saliency maps between its rounds."""

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from wsss_core.ops.saliency.anchored import anchored
from wsss_core.ops.saliency.binary import RULES, binary, centred

CRF = {
    "iterations": 1, "gaussian_sxy": 3, "gaussian_weight": 3, "bilateral_sxy": 60, "bilateral_srgb": 5,
    "bilateral_weight": 5,
}  # fmt: skip
NO_PAIRS = CRF | {"gaussian_weight": 0, "bilateral_weight": 0}


def example(seed: int = 0):
    """A bright square on a dark ground, and a noisy map of it."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((40, 48), bool)
    truth[10:28, 12:34] = True
    image = np.where(truth[..., None], 200, 40) + rng.integers(-5, 6, (40, 48, 3))
    noisy = np.clip(np.where(truth, 0.75, 0.25) + rng.normal(0, 0.15, truth.shape), 0, 1).astype(np.float32)
    return image.astype(np.uint8), noisy, truth


def updated(image, predicted, anchor, *, share=0.5, centre="half", **crf):
    (made,) = anchored(
        [image], [predicted], [anchor], anchor_share=share, centre=centre, device="cpu", **(crf or CRF)
    )
    return made


def test_an_updated_map_is_of_the_photograph_s_size_and_in_bounds():
    image, noisy, _ = example()
    made = updated(image, noisy, 1 - noisy)
    assert made.shape == (40, 48) and made.dtype == np.float32
    assert (made >= 0).all() and (made <= 1).all()


def test_the_crf_takes_the_noise_out():
    image, noisy, truth = example()
    made = updated(image, noisy, noisy)
    assert np.abs(made - truth).mean() < 0.25 * np.abs(noisy - truth).mean()


def test_the_share_of_the_anchor_decides_where_both_maps_disagree():
    image, ones = example()[0], np.ones((40, 48), np.float32)
    by_share = [updated(image, ones, 0 * ones, share=share).mean() for share in (0.0, 0.25, 0.75, 1.0)]
    assert by_share == sorted(by_share, reverse=True)
    assert by_share[0] > 0.99 and by_share[-1] < 0.01
    assert updated(image, ones, 0 * ones, share=0.5, **NO_PAIRS) == pytest.approx(0.5)


def test_without_pairs_the_map_follows_the_released_unaries():
    q = np.array([[0.2, 0.7]], np.float32)
    made = updated(np.zeros((1, 2, 3), np.uint8), q, q, **NO_PAIRS)

    def energy(p):
        return -np.log(p + 1e-8) / (1.05 / (1 + np.exp(-p)))

    expected = 1 / (1 + np.exp(energy(q) - energy(1 - q)))
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_a_dim_map_survives_where_the_crf_is_centred_on_its_own_threshold():
    image, noisy, truth = example()
    dim = noisy * 0.4                                                           # 0.3 on the object, 0.1 beside it
    assert updated(image, dim, dim)[truth].mean() < 0.1
    centred_on_otsu = updated(image, dim, dim, centre="otsu")
    assert centred_on_otsu[truth].mean() > 0.9 and centred_on_otsu[~truth].mean() < 0.1


@pytest.mark.parametrize("rule", RULES)
def test_centring_keeps_the_order_and_puts_the_threshold_at_one_half(rule):
    _, noisy, _ = example()
    made = centred(noisy, rule=rule)
    assert made.dtype == np.float32 and made.min() > 0 and made.max() < 1
    order = np.argsort(noisy, axis=None)
    assert (np.diff(made.ravel()[order]) >= 0).all()
    assert np.array_equal(made > 0.5, binary(noisy, rule=rule))


@pytest.mark.parametrize("rule", RULES)
def test_what_is_salient_is_above_the_rule_s_threshold(rule):
    _, noisy, truth = example()
    threshold = {"half": 0.5, "twice_mean": 2 * noisy.mean(), "otsu": threshold_otsu(noisy)}[rule]
    assert np.array_equal(binary(noisy, rule=rule), noisy > threshold)
    assert (binary(np.where(truth, 0.9, 0.1), rule=rule) == truth).all()


@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("rule", RULES)
def test_a_constant_map_has_no_salient_pixel(rule, value):
    assert not binary(np.full((5, 6), value, np.float32), rule=rule).any()


def test_a_map_of_less_than_one_grey_level_has_no_salient_pixel():
    nearly = np.full((64, 80), 0.5, np.float32)
    nearly[0, 0] += 1e-5
    assert not binary(nearly, rule="otsu").any()
