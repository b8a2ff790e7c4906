"""A bar in a terminal, lines in a log."""

import sys

import pytest

from hybrid import progress
from hybrid.progress import Progress


def loop(**options: object) -> None:
    bar = Progress(range(50), "training", unit="epochs", mininterval=0, miniters=1, **options)
    for _ in bar:
        bar.set_postfix_str("validation error 0.1", refresh=False)


def test_a_log_has_a_line_for_each_tenth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(progress, "AT_LEAST", 0.0)
    loop()
    printed = capsys.readouterr().err
    assert "\r" not in printed
    lines = [line.split(", ") for line in printed.splitlines()]
    assert [line[0] for line in lines] == [f"training: {5 * n} of 50 epochs" for n in range(1, 11)]
    assert {line[1] for line in lines} == {"00:00 to go"}
    assert {line[2] for line in lines} == {"validation error 0.1"}


def test_a_short_loop_leaves_nothing_in_a_log(capsys: pytest.CaptureFixture) -> None:
    loop()
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    loop()
    printed = capsys.readouterr().err
    assert "\rtraining: 100%" in printed
    assert "50/50" in printed


@pytest.mark.parametrize("wish", ["off", "lines"])
def test_the_variable_says_what_is_shown(
    wish: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "AT_LEAST", 0.0)
    monkeypatch.setenv("HYBRID_PROGRESS", wish)
    loop()
    printed = capsys.readouterr().err
    assert "\r" not in printed
    assert len(printed.splitlines()) == {"off": 0, "lines": 10}[wish]


def test_a_loop_that_is_not_wanted_shown_is_silent(capsys: pytest.CaptureFixture) -> None:
    loop(shown=False)
    assert capsys.readouterr().err == ""
