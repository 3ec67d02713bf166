"""The dense CRF behind one function: both engines, each against answers that need neither."""

import numpy as np
import pytest

from wsss_core.ops import crf

SETTINGS = {
    "iterations": 10, "gaussian_sxy": 3, "gaussian_weight": 3,
    "bilateral_sxy": 80, "bilateral_srgb": 13, "bilateral_weight": 10,
}  # fmt: skip


both_engines = pytest.mark.skipif(len(crf.available_engines()) < 2, reason="pydensecrf2 is not installed")


@pytest.fixture(params=["lattice", pytest.param("pydensecrf", marks=both_engines)])
def dense_crf(request):
    """One image and its probabilities through an engine."""

    def run(image: np.ndarray, probabilities: np.ndarray, **settings) -> np.ndarray:
        (marginals,) = crf.dense_crf([image], [probabilities], engine=request.param, **settings)
        return marginals

    return run


def two_colours(height=20, width=30) -> np.ndarray:
    image = np.full((height, width, 3), 200, dtype=np.uint8)
    image[:, : width // 2] = 40
    return image


def random_probabilities(num_labels=3, height=20, width=30) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.05, 1, (num_labels, height, width))


def test_no_iteration_gives_the_normalised_probabilities(dense_crf):
    probabilities = random_probabilities()
    marginals = dense_crf(two_colours(), probabilities, **SETTINGS | {"iterations": 0})
    np.testing.assert_allclose(marginals, probabilities / probabilities.sum(axis=0), atol=1e-6)


def test_kernels_without_weight_change_nothing(dense_crf):
    probabilities = random_probabilities()
    settings = SETTINGS | {"gaussian_weight": 0, "bilateral_weight": 0}
    marginals = dense_crf(two_colours(), probabilities, **settings)
    np.testing.assert_allclose(marginals, probabilities / probabilities.sum(axis=0), atol=1e-6)


def test_marginals_are_probabilities(dense_crf):
    marginals = dense_crf(two_colours(), random_probabilities(), **SETTINGS)
    assert (marginals.shape, marginals.dtype) == ((3, 20, 30), np.float32)
    assert marginals.min() >= 0
    np.testing.assert_allclose(marginals.sum(axis=0), 1, atol=1e-5)


def test_only_ratios_of_probabilities_matter(dense_crf):
    probabilities = random_probabilities()
    marginals = [dense_crf(two_colours(), factor * probabilities, **SETTINGS) for factor in (1, 0.3)]
    np.testing.assert_allclose(*marginals, atol=1e-3)


def test_certain_absence_is_clipped_and_not_infinite(dense_crf):
    probabilities = np.zeros((2, 20, 30))
    probabilities[0] = 1
    assert np.isfinite(dense_crf(two_colours(), probabilities, **SETTINGS)).all()


def test_a_seed_fills_the_region_of_its_colour_and_stops_at_the_edge(dense_crf):
    # the evidence of class 1 covers a third of the dark half; it is weakly doubted in all the rest
    foreground = np.full((20, 30), 0.45)
    foreground[:, :5] = 0.95
    foreground[:, 15:] = 0.2
    label = dense_crf(two_colours(), np.stack([1 - foreground, foreground]), **SETTINGS).argmax(axis=0)
    np.testing.assert_array_equal(label, (two_colours()[..., 0] == 40).astype(int))


def test_smoothness_removes_a_lonely_pixel_where_there_is_no_colour(dense_crf):
    foreground = np.full((15, 15), 0.3)
    foreground[7, 7] = 0.6
    grey = np.full((15, 15, 3), 128, dtype=np.uint8)
    label = dense_crf(grey, np.stack([1 - foreground, foreground]), **SETTINGS | {"bilateral_weight": 0}).argmax(axis=0)
    assert not label.any()


def test_one_label_is_certain_everywhere(dense_crf):
    np.testing.assert_array_equal(dense_crf(two_colours(), np.full((1, 20, 30), 0.1), **SETTINGS), 1)


def test_a_single_pixel_and_a_thin_strip_pass(dense_crf):
    for size in ((1, 1), (2, 300)):
        image = np.zeros((*size, 3), dtype=np.uint8)
        assert dense_crf(image, np.full((2, *size), 0.5), **SETTINGS).shape == (2, *size)


def test_an_image_of_another_size_is_refused(dense_crf):
    with pytest.raises(ValueError, match=r"probabilities are 20x30, the image is \(30, 20, 3\); resize them first"):
        dense_crf(np.zeros((30, 20, 3), np.uint8), random_probabilities(), **SETTINGS)


def photograph(height=60, width=80, seed=0) -> np.ndarray:
    """Smooth colours with the noise of a sensor."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (7 + 3 * c) + c) + np.cos(columns / (11 - 2 * c)) for c in range(3)]
    return np.clip(120 + 45 * np.stack(waves, axis=-1) + rng.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)


def evidence(num_labels=3, height=60, width=80, seed=0) -> np.ndarray:
    """(L, H, W) smooth probabilities."""
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 1, (num_labels, 2)) * (height, width)
    distances = np.stack([(rows - y) ** 2 + (columns - x) ** 2 for y, x in centres])
    maps = np.exp(-distances / (0.1 * height * width)) + rng.uniform(0, 0.1, distances.shape)
    return (maps / maps.sum(axis=0)).astype(np.float32)


@both_engines
@pytest.mark.parametrize("num_labels", [2, 3, 12])
def test_the_engines_agree(num_labels):
    runs = [
        crf.dense_crf([photograph()], [evidence(num_labels)], engine=engine, **SETTINGS)[0]
        for engine in ("lattice", "pydensecrf")
    ]
    assert np.abs(runs[0] - runs[1]).mean() < 1e-5
    assert (runs[0].argmax(axis=0) == runs[1].argmax(axis=0)).mean() > 0.999


def test_the_lattice_agrees_with_the_kernel_written_out():
    """Mean field with dense (N, N) kernels."""
    image, probabilities = photograph(40, 48), evidence(3, 40, 48)
    (marginals,) = crf.dense_crf([image], [probabilities], engine="lattice", **SETTINGS)
    rows, columns = np.mgrid[:40, :48].reshape(2, -1).astype(float)
    colours = image.reshape(-1, 3).T / 13
    kernel = 3 * normalised(np.stack([columns, rows]) / 3)
    kernel += 10 * normalised(np.concatenate([np.stack([columns, rows]) / 80, colours]))
    logits = np.log(np.clip(probabilities, 1e-5, 1)).reshape(3, -1)
    exact = softmax(logits)
    for _ in range(10):
        exact = softmax(logits + exact @ kernel)
    assert (exact.argmax(axis=0) == marginals.reshape(3, -1).argmax(axis=0)).mean() >= 0.98


def normalised(features: np.ndarray) -> np.ndarray:
    squares = (features**2).sum(axis=0)
    kernel = np.exp(-(squares[:, None] + squares - 2 * features.T @ features) / 2)
    mass = kernel.sum(axis=1)
    return kernel / np.sqrt(mass[:, None] * mass)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=0))
    return exponentials / exponentials.sum(axis=0)


@pytest.mark.parametrize("engine", crf.available_engines())
def test_several_unaries_of_an_image_are_as_many_runs(engine):
    both = np.stack([evidence(3, seed=1), evidence(3, seed=2)])
    (together,) = crf.dense_crf([photograph()], [both], engine=engine, **SETTINGS)
    alone = [crf.dense_crf([photograph()], [one], engine=engine, **SETTINGS)[0] for one in both]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)


def test_a_batch_of_other_sizes_and_labels_gives_what_each_gives_alone():
    sizes, labels = [(60, 80), (1, 1), (30, 41)], [3, 1, 5]
    images = [photograph(*size) for size in sizes]
    probabilities = [evidence(count, *size) for count, size in zip(labels, sizes, strict=True)]
    together = crf.dense_crf(images, probabilities, engine="lattice", **SETTINGS)
    for image, maps, q in zip(images, probabilities, together, strict=True):
        (alone,) = crf.dense_crf([image], [maps], engine="lattice", **SETTINGS)
        np.testing.assert_allclose(q, alone, atol=1e-6)


def test_the_input_is_left_as_it_was():
    image, probabilities = photograph(), evidence()
    before = image.copy(), probabilities.copy()
    crf.dense_crf([image], [probabilities], engine="lattice", **SETTINGS)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(probabilities, before[1])


def test_strong_weights_do_not_overflow(dense_crf):
    settings = SETTINGS | {"bilateral_weight": 1000, "gaussian_weight": 300}
    assert np.isfinite(dense_crf(photograph(), evidence(), **settings)).all()


def test_an_engine_that_is_not_installed_is_named_with_its_equal(monkeypatch):
    monkeypatch.setattr(crf, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="engine pydensecrf is not installed .* take engine lattice"):
        crf.dense_crf([photograph()], [evidence()], engine="pydensecrf", **SETTINGS)


def test_images_with_other_numbers_of_unaries_are_refused():
    pair = np.stack([evidence(), evidence()])
    with pytest.raises(ValueError, match=r"images have \[2, 1\] unaries each"):
        crf.dense_crf([photograph()] * 2, [pair, evidence()], engine="lattice", **SETTINGS)
