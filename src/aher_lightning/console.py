"""Progress on a console: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Column

LINES_WITHOUT_TERMINAL = 4
"""Progress lines of one task where there is no terminal."""

_STEADY_SEC = 1.0
"""Elapsed seconds before a speed is shown: an earlier one would be that of the first steps."""


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of text: with them, one name can look like another."""


class PlainConsole(Console):
    """A console that shows control characters instead of obeying them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is to be written; rich's own control codes pass unchanged."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def visible(text: str) -> str:
    r"""Return a text with escapes in place of control and unprintable characters; line breaks and tabs stay.

    Example:
        >>> print(visible("wave\x1b[31m"))
        wave\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(repr(sign)[1:-1] if _is_steering(sign) else sign for sign in text)


def _is_steering(sign: str) -> bool:
    """Whether a character is a control character, a surrogate or a change of direction."""
    return sign not in "\n\t" and (unicodedata.category(sign) in {"Cc", "Cs"} or sign in _DIRECTIONS)


def output_console() -> Console:
    """Return a console on standard output; a new one, so that redirection is respected."""
    return PlainConsole(highlight=False, soft_wrap=True)


def error_console() -> Console:
    """Return a console on standard error."""
    return PlainConsole(stderr=True, highlight=False, soft_wrap=True)


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Args:
        count: The number.
        one: Singular.
        many: Plural, if it is not formed with an s.

    Example:
        >>> counted(1, "clip"), counted(0, "clip"), counted(2, "category", "categories")
        ('1 clip', '0 clips', '2 categories')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"


class ProgressReporter:
    """Report the progress of one task, its speed and the time left; use it as a context manager.

    Args:
        description: The task, in a few words.
        total: Number of steps.
        unit: What a step is, plural.
        console: Console to write to; ``None`` for standard output.

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
            whole = Column(no_wrap=True)
            rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)  # truncated on a narrow terminal
            self._bar = Progress(
                TextColumn("{task.description}", markup=False, table_column=whole),
                BarColumn(bar_width=14, table_column=whole),
                MofNCompleteColumn(table_column=whole),
                TextColumn("{task.fields[speed]}", table_column=whole),
                TimeRemainingColumn(table_column=whole),
                TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=rest),
                console=self.console,
                expand=True,
            )

    def __enter__(self) -> ProgressReporter:
        self._begin()
        if self._bar is not None:
            self._bar.add_task(self.description, total=self.total, completed=self.done, note="", speed="")
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
            steps: Number of further steps that are finished.
            note: Text beside the bar; an empty note keeps the last one.
        """
        before, self.done = self.done, self.done + steps
        self._note = note or self._note
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, note=self._note, speed=self._speed())
        elif self.done == self.total or self._part(before) != self._part(self.done):
            self.console.print(self._line(), markup=False)

    def _begin(self) -> None:
        """Start the clock; steps that are already done do not count for the speed."""
        self._started = time.monotonic()
        self._done_before = self.done

    def _line(self) -> str:
        """Return the progress as a plain line."""
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
        """Return finished steps per second; empty while it is too early to tell."""
        elapsed_sec, steps = time.monotonic() - self._started, self.done - self._done_before
        if elapsed_sec < _STEADY_SEC or not steps:
            return ""
        speed = steps / elapsed_sec
        return f"{speed:.0f} {self.unit}/s" if speed >= 10 else f"{speed:.2g} {self.unit}/s"

    def _part(self, done: int) -> int:
        """Return which of the few equal parts of the work is being done."""
        return done * LINES_WITHOUT_TERMINAL // max(self.total, 1)
