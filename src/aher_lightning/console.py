"""What is shown while work goes on: a progress bar on a terminal, a few quiet lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES_WITHOUT_TERMINAL = 4
"""How many lines tell the progress of one task where there is no terminal."""


def output_console() -> Console:
    """Return a console on standard output; made anew, so that redirected output is honoured."""
    return Console(highlight=False, soft_wrap=True)


def error_console() -> Console:
    """Return a console on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class ProgressReporter:
    """Report the progress of one task; use it as a context.

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
        self._started = time.monotonic()
        self._bar: Progress | None = None
        if self.console.is_terminal:
            text = TextColumn("[progress.description]{task.description}")
            note = TextColumn("{task.fields[note]}", style="dim")
            self._bar = Progress(
                text, BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(), note, console=self.console
            )

    def __enter__(self) -> ProgressReporter:
        self._started = time.monotonic()
        if self._bar is not None:
            self._bar.add_task(escape(self.description), total=self.total, completed=self.done, note="")
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
            self._bar.update(self._bar.task_ids[0], completed=self.done, note=self._note)
        elif self.done == self.total or self._part(before) != self._part(self.done):
            seconds = f"  ({time.monotonic() - self._started:.0f} s)" if self.done == self.total else ""
            note = f"  {self._note}" if self._note else ""
            self.console.print(f"{self.description}: {self.done}/{self.total} {self.unit}{note}{seconds}", markup=False)

    def _part(self, done: int) -> int:
        """Which of the few equal parts of the work is being done."""
        return done * LINES_WITHOUT_TERMINAL // max(self.total, 1)
