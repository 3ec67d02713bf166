"""The one loop: it resumes to the bit, and stops at NaN, at a signal and at a full disk without losing a step."""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from small_training import STEPS, batch_of, equal, killed_at, squares, train

from wsss_core import artifacts
from wsss_core.runtime import interruption, shortage
from wsss_core.runtime.interruption import Interrupted
from wsss_core.training import loop
from wsss_core.training.history import DivergedError
from wsss_core.training.loop import Terms


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("killed", [1, 7, STEPS - 1])
def test_a_killed_run_ends_with_the_weights_of_one_never_stopped(tmp_path, killed, optimizer):
    whole = train(tmp_path / "whole.pt", optimizer=optimizer)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed.pt", losses=killed_at(killed), optimizer=optimizer)
    resumed = train(tmp_path / "killed.pt", optimizer=optimizer)
    assert equal(whole[0], resumed[0])
    assert whole[1] == resumed[1]


@pytest.mark.usefixtures("every_step")
def test_a_restart_goes_on_at_the_checkpoint_and_not_at_the_start(tmp_path):
    seen = []

    def counting(model, batch, progress):
        seen.append(batch["id"][0])
        return squares(model, batch, progress)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "c.pt", losses=killed_at(7))
    train(tmp_path / "c.pt", losses=counting)
    assert seen == [f"image{step}a" for step in range(7, STEPS)]


def signalled_at(step: int, *, losses=squares):
    """The losses of a run that is asked to end in the middle of this step."""

    def asked(model, batch, progress):
        if round(progress * STEPS) == step:
            signal.raise_signal(signal.SIGTERM)
        return losses(model, batch, progress)

    return asked


def signalled_before(step: int):
    """The batches of a run that is asked to end while it waits for those of this step."""

    def start(first: int) -> Iterator[dict]:
        for number in range(first, STEPS):
            if number == step:
                signal.raise_signal(signal.SIGTERM)
            yield batch_of(number)

    return start


@pytest.mark.parametrize(
    "asked", [{"losses": signalled_at(6)}, {"batches": signalled_before(7)}], ids=["in a step", "before one"]
)
def test_a_run_that_a_signal_ends_keeps_every_step(tmp_path, monkeypatch, asked):
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 4)  # a row for every 3 steps; ended in the middle of one
    whole = train(tmp_path / "whole.pt")
    with interruption.handled(), pytest.raises(Interrupted), interruption.raising():
        train(tmp_path / "c.pt", **asked)
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 7
    resumed = train(tmp_path / "c.pt")
    assert equal(whole[0], resumed[0])
    assert whole[1] == resumed[1]


def test_a_run_that_a_signal_ends_after_its_weights_broke_keeps_none(tmp_path):
    with interruption.handled(), pytest.raises(Interrupted), interruption.raising():
        train(tmp_path / "c.pt", losses=signalled_at(6, losses=breaking_at(6, 1e30)))
    assert not (tmp_path / "c.pt").exists()


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_loads_without_pickled_code(tmp_path):
    train(tmp_path / "c.pt")
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == STEPS
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.usefixtures("every_step")
def test_a_training_on_the_cpu_asks_nothing_of_the_gpus_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    touched = []
    for name in ("get_rng_state", "get_rng_state_all", "set_rng_state", "set_rng_state_all"):
        monkeypatch.setattr(torch.cuda, name, lambda *_, name=name: touched.append(name))
    train(tmp_path / "c.pt")
    train(tmp_path / "c.pt")
    assert touched == []


def test_no_checkpoint_is_written_before_its_time(tmp_path):
    train(tmp_path / "c.pt")
    assert not (tmp_path / "c.pt").exists()


def test_the_loss_falls(tmp_path):
    rows = train(tmp_path / "c.pt")[1]
    assert rows[-1]["fit"] < 0.5 * rows[0]["fit"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_broken_loss_names_step_term_and_images_and_spares_the_weights(tmp_path, value):
    kept = {}

    def broken(model, batch, progress):
        terms = squares(model, batch, progress)
        if batch["id"][0] != "image5a":
            return terms
        kept.update({name: p.clone() for name, p in model.named_parameters()}, model=model)
        return Terms({**terms.losses, "decay": terms.losses["decay"] * value})

    message = r"loss decay is not finite at step 6, images image5a, image5b; lower optimizer\.lr"
    with pytest.raises(DivergedError, match=message):
        train(tmp_path / "c.pt", losses=broken)
    model = kept.pop("model")
    assert all(torch.equal(p, kept[name]) for name, p in model.named_parameters())


def test_terms_that_are_finite_alone_but_not_together_are_named(tmp_path):
    def huge(model, batch, progress):
        large = model(batch["image"]).sum() * 0 + 3e38
        return Terms({"first": large, "second": large})

    message = "loss first, second is not finite at step 1, .*; at the first step: check the weights"
    with pytest.raises(DivergedError, match=message):
        train(tmp_path / "c.pt", losses=huge)


def breaking_at(step: int, value: float):
    """Losses whose gradient is of a size that breaks the weights in the update of this step."""

    def losses(model, batch, progress):
        terms = squares(model, batch, progress)
        if round(progress * STEPS) != step:
            return terms
        return Terms({**terms.losses, "break": (model.layers[0].weight * value).sum()})

    return losses


@pytest.mark.parametrize("value", [1e25, 1e30])
def test_weights_that_the_last_step_broke_are_not_handed_on(tmp_path, value):
    message = r"weights, layers\.0\.weight first, are not finite or absurdly large; lower"
    with pytest.raises(DivergedError, match=message):
        train(tmp_path / "c.pt", losses=breaking_at(STEPS - 1, value))


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_of_broken_weights_does_not_replace_a_good_one(tmp_path):
    with pytest.raises(DivergedError):
        train(tmp_path / "c.pt", losses=breaking_at(6, 1e30))
    kept = torch.load(tmp_path / "c.pt", weights_only=True)
    assert kept["step"] == 6
    assert all(torch.isfinite(value).all() for value in kept["model"].values())


@pytest.mark.usefixtures("every_step")
def test_a_damaged_checkpoint_is_told_and_passed_over(tmp_path, caplog):
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "c.pt", losses=killed_at(7))
    content = (tmp_path / "c.pt").read_bytes()
    flipped = content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 85]) + content[len(content) // 2 + 1 :]
    for damaged in (content[: len(content) // 2], b"", b"no checkpoint", flipped):
        (tmp_path / "c.pt").write_bytes(damaged)
        assert equal(train(tmp_path / "c.pt")[0], whole[0])
        assert "c.pt is damaged: this training starts anew" in caplog.text
        caplog.clear()


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_that_a_shortage_hides_is_not_taken_for_damaged(tmp_path, monkeypatch):
    train(tmp_path / "c.pt")

    def refuse(*arguments, **options):
        raise OSError(errno.EMFILE, "Too many open files", "c.pt")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        train(tmp_path / "c.pt")


def test_weights_that_do_not_fit_are_told_with_a_smaller_backbone(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Fabric, "setup", refuse)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        train(tmp_path / "c.pt")
    assert "name a smaller backbone.name, or" in shortage.sentence(caught.value)


@pytest.mark.usefixtures("every_step")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_costs_a_checkpoint_and_not_the_training(tmp_path, caplog):
    whole, _ = train(tmp_path / "whole.pt")
    artifacts.temporary_path(tmp_path / "full.pt").symlink_to("/dev/full")
    trained, _ = train(tmp_path / "full.pt")
    assert f"no checkpoint at step 1 ({tmp_path}/full.pt: No space left on device)" in caplog.text
    assert equal(trained, whole)
    assert (tmp_path / "full.pt").stat().st_size > 0, "later ones are written again"
