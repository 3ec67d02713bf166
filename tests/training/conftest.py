"""What tests of trainings share."""


import pytest

from wsss_core.training import loop


@pytest.fixture
def every_step(monkeypatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
