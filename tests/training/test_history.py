"""What the loop keeps of a run and shows of it: progress, the means of its terms, and the model after each step."""


import pytest
import torch
from small_training import STEPS, Network, equal, killed_at, squares, train

from wsss_core.training import history, loop
from wsss_core.training.history import DivergedError, History
from wsss_core.training.loop import Terms


def test_progress_runs_from_0_to_just_below_1(tmp_path):
    seen = []

    def watching(model, batch, progress):
        seen.append(progress)
        return squares(model, batch, progress)

    train(tmp_path / "c.pt", losses=watching)
    assert seen == pytest.approx([step / STEPS for step in range(STEPS)])


def test_history_holds_the_mean_of_each_stretch_of_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 2)  # 12 steps: a row for every 6
    values = iter(range(100))

    def counting(model, batch, progress):
        return Terms({"count": model(batch["image"]).sum() * 0 + next(values)})

    rows = train(tmp_path / "c.pt", losses=counting)[1]
    assert [(row["step"], row["count"]) for row in rows] == [(6, 2.5), (12, 8.5)]


def test_what_is_seen_is_recorded_and_not_minimised(tmp_path):
    def seeing(model, batch, progress):
        terms = squares(model, batch, progress)
        return Terms(terms.losses, {"doubled": 2 * terms.losses["fit"], "progress": torch.tensor(progress)})

    plain, seen = train(tmp_path / "a.pt"), train(tmp_path / "b.pt", losses=seeing)
    assert equal(plain[0], seen[0])
    assert [row["doubled"] for row in seen[1]] == pytest.approx([2 * row["fit"] for row in plain[1]])
    assert [row["progress"] for row in seen[1]] == pytest.approx([k / STEPS for k in range(STEPS)])


def test_what_is_seen_may_be_infinite(tmp_path):
    def seeing(model, batch, progress):
        return Terms(squares(model, batch, progress).losses, {"ratio": torch.tensor(float("inf"))})

    rows = train(tmp_path / "c.pt", losses=seeing)[1]
    assert [row["ratio"] for row in rows] == STEPS * [float("inf")]


def test_a_term_absent_from_some_steps_is_averaged_over_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 2)  # a row for every 6 steps

    def phases(model, batch, progress):
        step = round(progress * STEPS)
        zero = model(batch["image"]).sum() * 0
        losses = {"always": zero + step}
        if step in (2, 4) or step > 5:
            losses["later"] = zero + step
        return Terms(losses, {"once": torch.tensor(7.0)} if step == 1 else {})

    first, second = train(tmp_path / "c.pt", losses=phases)[1]
    assert (first["always"], first["later"], first["once"]) == (2.5, 3, 7)
    assert (second["always"], second["later"]) == (8.5, 8.5)
    assert "once" not in second


def test_the_bare_model_is_watched_after_each_step(tmp_path):
    kept = {}

    def losses(model, batch, progress):
        kept[round(progress * STEPS)] = model.layers[0].weight.clone()  # before the update of that step
        return squares(model, batch, progress)

    def after_step(model, steps):
        assert type(model) is Network
        seen.append(steps)
        kept["after", steps] = model.layers[0].weight.clone()

    seen = []
    whole = train(tmp_path / "c.pt", losses=losses, after_step=after_step)
    assert seen == list(range(1, STEPS + 1))
    assert all(torch.equal(kept["after", k], kept[k]) for k in range(1, STEPS))
    assert equal(whole[0], train(tmp_path / "d.pt")[0])


@pytest.mark.usefixtures("every_step")
def test_a_resumed_run_is_watched_from_where_it_goes_on(tmp_path):
    seen = []
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "c.pt", losses=killed_at(7))
    train(tmp_path / "c.pt", after_step=lambda model, steps: seen.append(steps))
    assert seen == list(range(8, STEPS + 1))


@pytest.mark.usefixtures("every_step")
def test_a_row_of_the_history_is_never_cut_by_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 4)  # a row for every 3 steps; killed in the middle of one
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed.pt", losses=killed_at(8))
    resumed = train(tmp_path / "killed.pt")
    assert [row["step"] for row in resumed[1]] == [3, 6, 9, 12]
    assert resumed[1] == whole[1]


def test_the_history_is_a_table_with_a_column_for_each_term(tmp_path):
    History([{"step": 1, "lr": 0.1, "a": 0.123456789}, {"step": 2, "lr": 0.05, "b": 2.0}]).write(tmp_path / "h.tsv")
    assert (tmp_path / "h.tsv").read_text() == "step\tlr\ta\tb\n1\t0.1\t0.123457\t\n2\t0.05\t\t2\n"


def test_steps_that_are_read_later_give_the_same_history(tmp_path, monkeypatch):
    at_once = train(tmp_path / "a.pt")
    monkeypatch.setattr(history, "_steps_ahead", lambda device: 5)  # as on a GPU
    later = train(tmp_path / "b.pt")
    assert later[1] == at_once[1] and equal(later[0], at_once[0])


def test_a_loss_that_is_found_broken_later_bears_its_own_step_and_images(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 1)
    monkeypatch.setattr(history, "_steps_ahead", lambda device: 5)
    started = []

    def breaking(model, batch, progress):
        started.append(batch["id"][0])
        terms = squares(model, batch, progress)
        broken = float("nan") if batch["id"][0] == "image2a" else 1.0
        return Terms({**terms.losses, "decay": terms.losses["decay"] * broken})

    with pytest.raises(DivergedError, match=r"loss decay is not finite at step 3, images image2a, image2b; lower"):
        train(tmp_path / "c.pt", losses=breaking)
    assert len(started) == 6


@pytest.mark.usefixtures("every_step")
def test_what_a_checkpoint_holds_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_steps_ahead", lambda device: 5)
    monkeypatch.setattr(loop, "NUM_HISTORY_ROWS", 4)
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed.pt", losses=killed_at(8))
    assert train(tmp_path / "killed.pt")[1] == whole[1]
