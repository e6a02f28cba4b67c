"""What is shown while work goes on: a progress bar on a terminal, a few quiet lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES_WITHOUT_TERMINAL = 4
"""How many lines tell the progress of one task where there is no terminal."""

STEADY_SEC = 1.0
"""No speed is told before so many seconds: it would be that of the first steps."""


def output_console() -> Console:
    """Return a console on standard output; made anew, so that redirected output is honoured."""
    return Console(highlight=False, soft_wrap=True)


def error_console() -> Console:
    """Return a console on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class ProgressReporter:
    """Report the progress of one task, its speed and the time left; use it as a context.

    Args:
        description: What is done, a few words.
        total: Number of steps.
        unit: What a step is, plural.
        console: Where to write; standard output if not given.

    Example:
        >>> with ProgressReporter("Counting", total=2, unit="sheep") as progress:
        ...     progress.advance(note="one")
        ...     progress.advance(note="two")  # doctest: +ELLIPSIS
        Counting: 1/2 sheep  one
        Counting: 2/2 sheep  two  (... s)
    """

    def __init__(self, description: str, total: int, *, unit: str = "steps", console: Console | None = None) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.console = console or output_console()
        self.done = 0
        self._note = ""
        self._begin()
        self._bar: Progress | None = None
        if self.console.is_terminal:
            text = TextColumn("[progress.description]{task.description}")
            bar, speed = BarColumn(bar_width=24), TextColumn("{task.fields[speed]}")
            note = TextColumn("{task.fields[note]}", style="dim")
            self._bar = Progress(
                text, bar, MofNCompleteColumn(), speed, TimeRemainingColumn(), note, console=self.console
            )

    def __enter__(self) -> ProgressReporter:
        self._begin()
        if self._bar is not None:
            self._bar.add_task(escape(self.description), total=self.total, completed=self.done, note="", speed="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        """Report finished steps.

        Args:
            steps: How many more are finished.
            note: Something to show beside the bar; an empty note leaves the last one.
        """
        before, self.done = self.done, self.done + steps
        self._note = note or self._note
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, note=self._note, speed=self._speed())
        elif self.done == self.total or self._part(before) != self._part(self.done):
            self.console.print(self._line(), markup=False)

    def _begin(self) -> None:
        """Start the clock; what is done already was done by somebody else, and tells nothing about the speed."""
        self._started = time.monotonic()
        self._done_before = self.done

    def _line(self) -> str:
        """What a terminal would show."""
        elapsed_sec, speed = time.monotonic() - self._started, self._speed()
        times = [speed] if speed else []
        if self.done == self.total:
            times = [f"{elapsed_sec:.0f} s", *times]
        elif speed:
            left_sec = elapsed_sec * (self.total - self.done) / (self.done - self._done_before)
            times.append(f"{left_sec:.0f} s left")
        parts = [f"{self.description}: {self.done}/{self.total} {self.unit}", self._note]
        return "  ".join(part for part in [*parts, f"({', '.join(times)})" if times else ""] if part)

    def _speed(self) -> str:
        """Finished steps per second; empty while it is too early to tell."""
        elapsed_sec, steps = time.monotonic() - self._started, self.done - self._done_before
        if elapsed_sec < STEADY_SEC or not steps:
            return ""
        speed = steps / elapsed_sec
        return f"{speed:.0f} {self.unit}/s" if speed >= 10 else f"{speed:.2g} {self.unit}/s"

    def _part(self, done: int) -> int:
        """Which of the few equal parts of the work is being done."""
        return done * LINES_WITHOUT_TERMINAL // max(self.total, 1)
