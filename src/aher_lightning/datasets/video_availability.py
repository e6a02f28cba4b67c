"""Real data sets are partial: what an annotation names and nobody can read is left out, and told."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from aher_lightning.errors import DataError

_LOG = logging.getLogger(__name__)

OnMissing = Literal["leave_out", "error"]
"""What to do with videos that the annotations name and that are not there: leave them out, or stop."""


class _OfVideo(Protocol):
    """Something that belongs to a video."""

    @property
    def video_id(self) -> str:
        """Name of the video."""
        ...


_T = TypeVar("_T", bound=_OfVideo)


class LeftOut(NamedTuple):
    """What became of the videos of a part of the data.

    Attributes:
        named: How many the annotations name.
        missing: Names of those that are not there, and not known to be unusable either.
        quarantined: Names of those in quarantine, whether they are there or not.
    """

    named: int
    missing: list[str]
    quarantined: list[str]


class VideoAvailability:
    """Which videos can be used: those that are there and not in quarantine.

    Args:
        present: Names of the videos that are there.
        absence: What the others lack, such as "no file in data/videos".
        quarantined: Names of videos that are known to be unusable.
        on_missing: What to do with videos that are not there; those in quarantine are always left out.

    Attributes:
        left_out: What became of each part of the data that :meth:`usable` was asked for, by what it is.

    Example:
        >>> from aher_lightning.annotations.trimmed_clips import TrimmedClip
        >>> presence = VideoAvailability(["a"], "no file in data/videos")
        >>> [clip.video_id for clip in presence.usable([TrimmedClip("a", None, "clap")], "moments")]
        ['a']
    """

    def __init__(
        self,
        present: Collection[str],
        absence: str,
        *,
        quarantined: Collection[str] = (),
        on_missing: OnMissing = "leave_out",
    ) -> None:
        self.present = frozenset(present)
        self.absence = absence
        self.quarantined = frozenset(quarantined)
        self.on_missing = on_missing
        self.left_out: dict[str, LeftOut] = {}
        self._told: set[str] = set()

    def has(self, video_id: str) -> bool:
        """Tell whether a video can be used.

        Args:
            video_id: Name of the video.

        Returns:
            Whether it is there and not in quarantine.
        """
        return video_id in self.present and video_id not in self.quarantined

    def usable(self, items: Sequence[_T], what: str) -> list[_T]:
        """Return the videos or clips that can be used; warn of the others, once for each part of the data.

        Args:
            items: Videos or clips.
            what: What they are, for the message, such as "videos of evaluation".

        Returns:
            A part of them, order kept.

        Raises:
            DataError: If there are some and none can be used, or one is not there where that is an error.
        """
        names = [one.video_id for one in items]
        absent = [name for name in names if name not in self.present]
        missing = [name for name in absent if name not in self.quarantined]
        self.left_out[what] = LeftOut(len(items), missing, [name for name in names if name in self.quarantined])
        if absent and self.on_missing == "error":
            raise DataError(
                f"{len(absent)} of {len(items)} {what} have {self.absence} ({absent[0]!r:.80} first); add them, or set "
                "'on_missing' to \"leave_out\""
            )
        held_back = [one.video_id for one in items if one.video_id in self.present & self.quarantined]
        reasons = [f"{self.absence} ({absent[0]!r:.80} first)"] if absent else []
        reasons += [f"{len(held_back)} in quarantine ({held_back[0]!r:.80} first)"] if held_back else []
        kept = [one for one in items if self.has(one.video_id)]
        if items and not kept:
            raise DataError(
                f"none of the {len(items)} {what} can be used: {', '.join(reasons)}; add them or correct the path"
            )
        if reasons and what not in self._told:
            self._told.add(what)
            _LOG.warning("left out %d of %d %s: %s", len(items) - len(kept), len(items), what, ", ".join(reasons))
        return kept
