"""What a log is told of long work: how far it is, now and then; short work says nothing."""

from __future__ import annotations

import pytest

from pipelines import progress
from pipelines.progress import LogCounter, counting


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`conftest` has tests say nothing, however slow the machine is."""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 30)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    tell = LogCounter("train", "titles", 3000, clock)
    for clock.now in (110, 129, 131, 140, 159, 162):
        tell(400)
    assert capsys.readouterr().err.splitlines() == [
        "train: 1,200 of 3,000 titles, 31 s",
        "train: 2,400 of 3,000 titles, 62 s",
    ]


def test_what_was_found_is_said_at_once_in_long_work_and_with_its_first_line_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    tell = LogCounter("train", "words", None, clock)
    tell.say("epoch 1 of 3: loss 0.5000")
    assert capsys.readouterr().err == ""
    clock.now = 131
    tell(7)
    assert capsys.readouterr().err.splitlines() == [
        "train: epoch 1 of 3: loss 0.5000",
        "train: 7 words, 31 s",
    ]
    clock.now = 132
    tell.say("epoch 2 of 3: loss 0.2500")
    assert capsys.readouterr().err == "train: epoch 2 of 3: loss 0.2500\n"
    clock.now = 161.5  # half a minute after a line of any kind, no sooner
    tell(1)
    assert capsys.readouterr().err == ""


def test_short_work_says_nothing_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("train", "titles", 10) as tell:
        tell(10)
        tell.say("epoch 1 of 1: loss 0.5000")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_was_found_beside_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with counting("train", "titles", 10) as tell:
        tell(10)
        tell.say("epoch 1 of 1: loss 0.5000")
    assert "train: titles, epoch 1 of 1: loss 0.5000" in capsys.readouterr().err
