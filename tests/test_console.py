from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.control import Control
from rich.text import Text

from aher_lightning.console import (
    LINES_WITHOUT_TERMINAL,
    PlainConsole,
    ProgressReporter,
    error_console,
    output_console,
    visible,
)


def plain() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, width=200), written


@pytest.mark.parametrize("total", [1, 3, 4, 10, 1000])
def test_without_a_terminal_there_are_a_few_lines(total: int) -> None:
    console, written = plain()
    with ProgressReporter("Working", total, unit="videos", console=console) as progress:
        for _ in range(total):
            progress.advance()
    lines = written.getvalue().splitlines()
    assert len(lines) == min(total, LINES_WITHOUT_TERMINAL)
    assert lines[-1].startswith(f"Working: {total}/{total} videos")
    assert lines[-1].endswith("s)")


def test_steps_may_come_several_at_once() -> None:
    console, written = plain()
    with ProgressReporter("Working", 100, console=console) as progress:
        progress.advance(99, note="loss 1.50")
        progress.advance()
    first, last = written.getvalue().splitlines()
    assert first == "Working: 99/100 steps  loss 1.50"
    assert last.startswith("Working: 100/100 steps  loss 1.50  (")


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_sec = 50.0
        monkeypatch.setattr("aher_lightning.console.time.monotonic", lambda: self.now_sec)


def test_lines_tell_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    console, written = plain()
    with ProgressReporter("Working", 100, unit="videos", console=console) as progress:
        for steps, seconds in ((25, 0.5), (25, 9.5), (25, 490), (25, 0)):
            clock.now_sec += seconds
            progress.advance(steps, note="clip.mp4" if steps + seconds > 500 else "")
    assert written.getvalue().splitlines() == [
        "Working: 25/100 videos",
        "Working: 50/100 videos  (5 videos/s, 10 s left)",
        "Working: 75/100 videos  clip.mp4  (0.15 videos/s, 167 s left)",
        "Working: 100/100 videos  clip.mp4  (500 s, 0.2 videos/s)",
    ]


def test_what_was_done_before_does_not_count_for_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    console, written = plain()
    progress = ProgressReporter("Working", 400, console=console)
    progress.done = 300
    with progress:
        clock.now_sec += 2.0
        progress.advance(0)
        progress.advance(50)
        progress.advance(50)
    assert written.getvalue() == "Working: 400/400 steps  (2 s, 50 steps/s)\n"


def test_nothing_to_do_is_no_error() -> None:
    console, written = plain()
    with ProgressReporter("Working", 0, console=console) as progress:
        assert progress.done == 0
    assert written.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with ProgressReporter("Working", 2, unit="videos", console=console) as progress:
        progress.advance(note="one of them")
        assert "videos/s" not in written.getvalue()
        clock.now_sec += 4.0
        progress.advance()
    shown = written.getvalue()
    assert "Working" in shown
    assert "2/2" in shown
    assert "one of them" in shown
    assert "0.5 videos/s" in shown


def test_a_failure_ends_the_bar_and_is_passed_on() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True)
    with pytest.raises(KeyError), ProgressReporter("Working", 2, console=console) as progress:  # noqa: PT012
        progress.advance()
        raise KeyError
    assert progress.done == 1
    hides, shows = (written.getvalue().count(f"\x1b[?25{code}") for code in "lh")
    assert hides == shows == 1  # the cursor is back


def test_consoles_write_to_redirected_streams(capsys: pytest.CaptureFixture[str]) -> None:
    output_console().print("a result " * 40)
    error_console().print("a complaint " * 40)
    written = capsys.readouterr()
    # Older versions of rich strip the last space.
    assert written.out.rstrip() == ("a result " * 40).rstrip()
    assert written.err.rstrip() == ("a complaint " * 40).rstrip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wave [b] 波\u3000é\u200d", "wave [b] 波\u3000é\u200d"),
        ("\x1b]0;title\x1b[31m", r"\x1b]0;title\x1b[31m"),
        ("a\rb\x9b", r"a\rb\x9b"),
        ("a\nb\tc", "a\nb\tc"),
        ("\u202etxt.mp4", r"\u202etxt.mp4"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert visible(text) == shown
    error_console().print(text, markup=False)
    written = capsys.readouterr().err
    assert visible(written) == written


def test_what_rich_says_to_a_terminal_passes() -> None:
    written = io.StringIO()
    console = PlainConsole(file=written, force_terminal=True, color_system="standard", highlight=False)
    console.print("[bold]a\x1b[2Jb[/]")
    console.control(Control.clear())
    assert written.getvalue() == "\x1b[1ma\\x1b[2Jb\x1b[0m\n\x1b[2J"


@pytest.mark.parametrize("width", [70, 100])
def test_a_narrow_terminal_cuts_the_note(width: int) -> None:
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=True)
    with ProgressReporter("Training AherModule", 600, unit="iterations", console=console) as progress:
        progress.advance(350, note="[b]recognition 5.67  transfer 2.71  generator 2.96")
    shown = Text.from_ansi(written.getvalue()).plain
    assert "Training AherModule" in shown
    assert "350/600" in shown
    assert "[b]" in shown
    assert "generator 2.96" not in shown
    assert "…" in shown
