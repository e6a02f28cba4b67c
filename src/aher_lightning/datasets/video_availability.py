"""Availability of annotated videos: data sets are often incomplete, and missing videos are reported."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from aher_lightning.errors import DataError

_LOG = logging.getLogger(__name__)

OnMissing = Literal["leave_out", "error"]
"""What to do with annotated videos that are missing: leave them out, or stop."""


class _OfVideo(Protocol):
    """A video, or a clip of one."""

    @property
    def video_id(self) -> str: ...


_T = TypeVar("_T", bound=_OfVideo)


class LeftOut(NamedTuple):
    """The annotated videos of a part of the data that are not used.

    Attributes:
        named: How many videos are annotated.
        missing: Ids of those that are missing and not in quarantine.
        quarantined: Ids of those in quarantine, missing or not.
    """

    named: int
    missing: list[str]
    quarantined: list[str]


class VideoAvailability:
    """Which videos are usable: those that exist and are not in quarantine.

    Args:
        present: Ids of the existing videos.
        absence: What the others lack, such as "no file in data/videos".
        quarantined: Ids of videos that are known to be unusable.
        on_missing: What to do with missing videos; those in quarantine are always left out.

    Attributes:
        left_out: Unused videos of each part of the data that was passed to :meth:`usable`, by its name.

    Example:
        >>> from aher_lightning.annotations.trimmed_clips import TrimmedClip
        >>> available = VideoAvailability(["a"], "no file in data/videos")
        >>> [clip.video_id for clip in available.usable([TrimmedClip("a", None, "clap")], "moments")]
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
        self._reported: set[str] = set()

    def has(self, video_id: str) -> bool:
        """Return whether a video exists and is not in quarantine."""
        return video_id in self.present and video_id not in self.quarantined

    def usable(self, items: Sequence[_T], what: str) -> list[_T]:
        """Return the usable videos or clips, order kept; warn of the others, once per part of the data.

        Args:
            items: Videos or clips.
            what: Name of this part of the data, such as "videos of evaluation".

        Raises:
            DataError: If none of them is usable, or one is missing where that is an error.
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
        if reasons and what not in self._reported:
            self._reported.add(what)
            _LOG.warning("left out %d of %d %s: %s", len(items) - len(kept), len(items), what, ", ".join(reasons))
        return kept
