"""Interface of the sources of snippets: feature stores and video files."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from aher_lightning.structures import SnippetSequence


@runtime_checkable
class SnippetSource(Protocol):
    """Reads the snippets of a video, or of a span of it."""

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the snippets whose centres lie in the span, at least one.

        Args:
            video_id: Name of the video.
            span_sec: Start and end in seconds; ``None`` for the whole video.

        Returns:
            The snippets, with places normalized to the span.

        Raises:
            AherError: If the video is missing or damaged.
        """
        ...


class VideoSource(SnippetSource, Protocol):
    """A source that knows its videos and their durations."""

    @property
    def video_ids(self) -> list[str]:
        """Ids of all existing videos."""
        ...

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video in seconds; raise an ``AherError`` if it is missing or damaged."""
        ...
