"""Big JSON objects, read entry by entry and long lists part by part: memory never holds the whole file."""

from __future__ import annotations

import codecs
import gc
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from aher_lightning.errors import AherError
from aher_lightning.files.json_files import json_type, repeated_key, unreadable

CHUNK_BYTES = 1 << 23
"""How much of a file is read at once; large against most entries, so that few are cut and parsed twice."""

ProgressCallback = Callable[[int, int], None]
"""Takes the bytes read so far and those of the whole file."""

_LONGEST_TOKEN = 16
"""Characters; an error that is nearer to the end of the text may be due to a token cut in two, such as ``\\u00e9``."""

_NO_UTF8 = "bytes that are no UTF-8 text"
_BLANKS = re.compile(r"[ \t\n\r]*")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
"""What the decoder puts in place of bytes that are no UTF-8; valid UTF-8 never gives these."""


class EntryNames(NamedTuple):
    """What messages call the parts of the object that is read.

    Attributes:
        entry: One entry, by its key.
        element: One element of an entry that is a list, by its place.
    """

    entry: str = "entry"
    element: str = "element"


class EntryPart(NamedTuple):
    """An entry, or some elements of one that is a long list.

    Attributes:
        key: Key of the entry.
        first: How many elements of the list came before; 0 begins an entry.
        value: The whole value, or a list of the next elements.
    """

    key: str
    first: int
    value: object


class RepeatedKeys(dict[str, object]):
    """A JSON object that names a key twice; holds the last value of each, as the standard parser would.

    Args:
        pairs: Keys and values in order of the file.
    """

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated = repeated_key(pairs)


def stream_entries(
    path: Path,
    key: str,
    error: type[AherError],
    *,
    names: EntryNames | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    on_progress: ProgressCallback | None = None,
) -> Iterator[EntryPart]:
    """Yield the entries of the object that a JSON file holds under one of its top-level keys.

    All other top-level keys are read over. A list of objects that reaches beyond the text read so far comes in parts,
    so that memory holds a few pieces of text and their values, however long it is. Every number becomes a float, whole
    ones too; ``NaN`` and ``Infinity`` pass. Objects below the entries that name a key twice come as
    :class:`RepeatedKeys`, and an entry whose key has occurred before is yielded again: what to do about them is for
    the caller to say. What is wrong with the file shows when the reading gets there; the entries before it have been
    yielded by then.

    Args:
        path: File to read; UTF-8, with or without byte order mark.
        key: Top-level key of the object whose entries are wanted.
        error: What to raise.
        names: What to call an entry and its elements in messages.
        chunk_bytes: How much to read at once; more if one value needs it.
        on_progress: Called after each piece, with the bytes read and those of the file.

    Yields:
        The entries, in order of the file.

    Raises:
        AherError: As ``error``, if the file is missing, unreadable, empty, not UTF-8 or no valid JSON (the message
            names line and column, the entry, and the element where the text breaks off), holds something else
            than an object, names a top-level key twice, or has no object under ``key``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from aher_lightning.errors import DataError
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "file.json")
        ...     _ = path.write_text('{"version": 1, "results": {"a": [2], "b": null}}')
        ...     [(part.key, part.value) for part in stream_entries(path, "results", DataError)]
        [('a', [2.0]), ('b', None)]
    """
    try:
        with path.open("rb") as file:
            yield from _entries(_Text(file, path, error, names or EntryNames(), chunk_bytes, on_progress), key)
    except OSError as failure:
        raise error(unreadable(path, failure)) from None


def _entries(text: _Text, key: str) -> Iterator[EntryPart]:
    """Read the whole file, yielding the entries below one top-level key."""
    if text.is_empty():
        raise text.error(f"{text.path}: is empty; give a JSON file with content")
    kind = text.kind()
    if kind != "object":
        raise text.error(f"{text.path}: holds a JSON {kind} where an object {{...}} is expected; check the layout")
    seen: set[str] = set()
    for name in text.names():
        if name in seen:
            raise text.flaw(f"the top-level key {name!r:.80} occurs twice")
        seen.add(name)
        if name != key:
            deque(text.parts(), maxlen=0)
            continue
        kind = text.kind()
        if kind != "object":
            raise text.error(f'{text.path}: "{key}" is a JSON {kind}; expected {{"{key}": {{...}}}}')
        for entry in text.names():
            yield from (EntryPart(entry, first, value) for first, value in text.parts(entry))
    text.finish()
    if key not in seen:
        raise text.error(f'{text.path}: "{key}" is missing; expected {{"{key}": {{...}}}}')


def _mark_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object as dictionary, of a class of its own if it names a key twice."""
    result = dict(pairs)
    return result if len(result) == len(pairs) else RepeatedKeys(pairs)


# Integers of thousands of digits are an error of the standard decoder; as float they are just too large.
_DECODER = json.JSONDecoder(object_pairs_hook=_mark_repetition, parse_int=float)


def _decode(text: str, place: int) -> tuple[object, int]:
    """Return the value that begins at a place, and where it ends; with the garbage collector at rest.

    The collector would visit all values again and again, for nearly half of the time, and find nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _DECODER.raw_decode(text, place)
    finally:
        if was_enabled:
            gc.enable()


class _Text:
    """The text of a file from some place on, of which as much is read as the next value needs."""

    def __init__(
        self,
        file: BinaryIO,
        path: Path,
        error: type[AherError],
        names: EntryNames,
        chunk_bytes: int,
        on_progress: ProgressCallback | None,
    ) -> None:
        self.path = path
        self.error = error
        self._file = file
        self._names = names
        self._chunk_bytes = chunk_bytes
        self._on_progress = on_progress
        # Undecodable bytes pass at first, so that all text before them is read and their place can be told.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._bytes_read = 0
        self._bytes_total = os.fstat(file.fileno()).st_size
        self._text = ""
        self._place = 0
        self._has_ended = False
        self._ending = "the text ends too early"
        # Of the first character of `_text`, both from 1.
        self._line, self._column = 1, 1

    def is_empty(self) -> bool:
        """Tell whether nothing is left but white space."""
        return not self._peek() and self._ending != _NO_UTF8

    def kind(self) -> str:
        """Return what JSON calls the type of the next value, without reading a long one."""
        return {"{": "object", "[": "array", '"': "string"}.get(self._peek()) or json_type(self.value())

    def names(self) -> Iterator[str]:
        """Read an object, stopping before each of its values; the caller reads these."""
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return
        while True:
            if self._peek() != '"':
                raise self.flaw("Expecting property name enclosed in double quotes")
            name = str(self.value())
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def value(self) -> object:
        """Read a value that is no list."""
        return next(value for _, value in self.parts())

    def parts(self, entry: str | None = None) -> Iterator[tuple[int, object]]:
        """Read a value, which messages name if it is that of an entry; a long list in parts, each after its place."""
        self._peek()
        first = 0
        while True:
            # What goes on will most often go on for longer than this piece of text.
            elements = self._leading_elements() if first else []
            if not elements:
                is_whole, value = self._whole_value(entry, first)
                if is_whole:
                    yield first, value
                    return
                elements = [] if first else self._leading_elements()
            if elements:
                yield first, elements
                first += len(elements)
            self._grow()

    def _whole_value(self, entry: str | None, first: int) -> tuple[bool, object]:
        """Take the next value if all of it has been read; say whether it has."""
        try:
            value, end = _decode(self._text, self._place)
        except json.JSONDecodeError as failure:
            if self._has_ended or not self._may_be_cut(failure):
                raise self._value_flaw(failure.msg, failure.pos, entry, first) from None
            return False, None
        except RecursionError:
            raise self._value_flaw("nested too deeply", self._place, entry, first) from None
        may_go_on = self._text[end - 1] not in '"]}' and end + _LONGEST_TOKEN > len(self._text)
        if may_go_on and not self._has_ended:
            return False, None
        if first and not value:
            raise self._value_flaw("Expecting value", end - 1, entry, first)
        self._place = end
        return True, value

    def _leading_elements(self) -> list[object]:
        """Take most elements of a list of objects of which not all has been read; none if it is not one."""
        comma = self._text.rfind("},", self._place) + 1
        if not comma or self._text[self._place] != "[":
            return []
        # If this is a list, the cut was between two elements: within a string or an object it would not parse.
        text = self._text[self._place : comma] + "]"
        try:
            elements, end = _decode(text, 0)
        except (json.JSONDecodeError, RecursionError):
            return []
        if end < len(text) or not isinstance(elements, list):
            return []
        # The comma gives way to the bracket of a list of all elements that remain.
        self._drop(comma)
        self._text = "[" + self._text[1:]
        return elements

    def finish(self) -> None:
        """Fail unless nothing is left."""
        if not self.is_empty():
            raise self.flaw("Extra data")

    def flaw(self, message: str, place: int | None = None, where: str = "") -> AherError:
        """Return the error that names line and column of a place in the text, by default the present one."""
        place = self._place if place is None else place
        is_unterminated = message.startswith("Unterminated string")
        if self._has_ended and (place >= len(self._text) or is_unterminated):
            message, place = self._ending, len(self._text)
        line, column = self._position(place)
        return self.error(
            f"{self.path}: {where}is not valid JSON (line {line}, column {column}: {message}); "
            "mend or write the file again"
        )

    def _value_flaw(self, message: str, place: int, entry: str | None, first: int) -> AherError:
        """Return the error that also names entry and element, if it is the value of an entry."""
        if entry is None:
            return self.flaw(message, place)
        where = f"{self._names.entry} {entry!r:.80}: "
        if self._text[self._place : self._place + 1] == "[":
            where += f"{self._names.element} {first + _count_elements(self._text, self._place)}: "
        return self.flaw(message, place, where)

    def _may_be_cut(self, failure: json.JSONDecodeError) -> bool:
        """Tell whether an error may be due to text that has not been read yet."""
        is_near_end = failure.pos + _LONGEST_TOKEN > len(self._text)
        return is_near_end or failure.msg.startswith("Unterminated string")

    def _peek(self) -> str:
        """Skip white space and return the next character without taking it; empty at the end."""
        while True:
            self._place = _skip_blanks(self._text, self._place)
            if self._place < len(self._text) or self._has_ended:
                return self._text[self._place : self._place + 1]
            self._grow()

    def _take(self, expected: str) -> str:
        """Return the next character if it is one of those expected, else fail."""
        found = self._peek()
        if not found or found not in expected:
            raise self.flaw(f"Expecting '{expected[0]}' delimiter")
        self._place += 1
        return found

    def _grow(self) -> None:
        """Drop what has been taken and read on; twice as much if a chunk was not enough, to parse in linear time."""
        if self._has_ended:
            return
        self._drop(self._place)
        data = self._file.read(max(self._chunk_bytes, len(self._text)))
        text = self._decoder.decode(data, not data)
        self._has_ended = not data
        undecodable = None if text.isascii() else _UNDECODABLE.search(text)
        if undecodable is not None:
            text = text[: undecodable.start()]
            self._has_ended, self._ending = True, _NO_UTF8
        self._text += text
        self._bytes_read += len(data)
        if data and self._on_progress is not None:
            self._on_progress(self._bytes_read, max(self._bytes_total, self._bytes_read))

    def _drop(self, place: int) -> None:
        """Forget the text before a place, which becomes the present one."""
        self._line, self._column = self._position(place)
        self._text, self._place = self._text[place:], 0

    def _position(self, place: int) -> tuple[int, int]:
        """Return line and column of a place in the text, both from 1."""
        num_lines = self._text.count("\n", 0, place)
        column = place - self._text.rfind("\n", 0, place) if num_lines else self._column + place
        return self._line + num_lines, column


def _skip_blanks(text: str, place: int) -> int:
    """Return the first place from the given one on that is no white space."""
    blanks = _BLANKS.match(text, place)
    return place if blanks is None else blanks.end()


def _count_elements(text: str, start: int) -> int:
    """Return how many elements of a list are whole, if the text breaks off within it."""
    count, place = 0, start + 1
    while True:
        try:
            _, place = _decode(text, _skip_blanks(text, place))
        except (json.JSONDecodeError, RecursionError):
            return count
        count += 1
        place = _skip_blanks(text, place)
        if text[place : place + 1] != ",":
            return count
        place += 1
