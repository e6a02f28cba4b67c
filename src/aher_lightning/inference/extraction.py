"""Extract features of many videos: decode ahead in threads, share work between processes, resume after a kill."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from aher_lightning.datasets.unusable_videos import FailureRecords, UnusableVideo
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.features.claims import STALE_SEC, WorkClaims, owners, remove_orphans
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.models.base import CLIPS_AT_ONCE, Backbone, ReadsPublicWeights
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.clips import normalize_clips
from aher_lightning.video.contract import TemporalContract

VIDEOS_AHEAD = 1
"""Decoded videos that wait for the backbone besides one per decoder; more would only cost memory."""

_PATIENCE_SEC = 60.0
"""Timeout while another process merges the manifest."""

_ABORT_SEC = 0.5
"""Interval between requests to a decoder to stop."""

Decoded = Future[SnippetSequence]


@dataclass(frozen=True)
class ClipEncoder:
    """A backbone with all that it needs to turn pixel clips into features.

    Args:
        backbone: The network, in evaluation mode.
        contract: How its clips are normalized.
        device: Where it runs.
    """

    backbone: Backbone
    contract: TemporalContract
    device: torch.device

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the features of the clips of one video.

        Clips go through the backbone in parts of fixed size, never mixed with another video, so that the result depends
        on this video alone.

        Args:
            clips: Pixel clips, uint8, shape ``(N, 3, F, H, W)``.

        Returns:
            Features on the CPU, float32, shape ``(N, C)``.
        """
        features = []
        with torch.inference_mode():
            for part in torch.split(clips, CLIPS_AT_ONCE):
                normalized = normalize_clips(part.to(self.device), self.contract.mean, self.contract.std)
                features.append(self.backbone(normalized).float().cpu())
        return torch.cat(features)


class ExtractionResult(NamedTuple):
    """Outcome for the videos that had no features.

    Attributes:
        written: Number of videos that this process has written.
        failures: Videos that failed, here or in a process that ran at the same time.
        skipped: Number of videos left out because they failed before.
        elsewhere: Number of videos that other processes are still working on.
    """

    written: int
    failures: list[UnusableVideo]
    skipped: int
    elsewhere: int


@dataclass(kw_only=True)
class FeatureExtraction:
    """Write the features of videos into a store, together with any number of processes that do the same.

    A video is claimed, decoded in one of several threads, encoded, written and recorded; then its claim is released.
    A killed process loses its claimed videos only, which another takes over. A video that cannot be decoded is
    recorded, and the others continue.

    Args:
        store: Where features go.
        folder: Where videos are read from.
        encode: Turns clips into features.
        num_workers: Decoding threads, one video each.
        dtype: Precision on disk.
        retry_failed: Whether to retry videos that failed in an earlier run.
        stale_sec: Seconds of silence after which the videos of a process on another machine are taken over.
    """

    store: NpyFeatureStore
    folder: VideoFolder
    encode: Callable[[Tensor], Tensor]
    num_workers: int = 1
    dtype: Literal["float16", "float32"] = "float32"
    retry_failed: bool = True
    stale_sec: float = STALE_SEC
    _failures: dict[str, UnusableVideo] = field(default_factory=dict, init=False)
    _written: int = field(default=0, init=False)

    def run(self, video_ids: Sequence[str], report: Callable[[str], None] = lambda _: None) -> ExtractionResult:
        """Extract what no other process does; return when nothing is left to claim.

        Args:
            video_ids: The videos that need features.
            report: Called with the id of each finished video, whichever process did it.

        Raises:
            DataError: If the store cannot be written.
        """
        records = FailureRecords(self.store.root)
        known = set() if self.retry_failed else set(records.known)
        wanted = [video_id for video_id in video_ids if video_id not in known]
        self._failures.clear()
        self._written = 0
        for video_id in known.intersection(video_ids):
            report(video_id)
        with WorkClaims(self.store.root / "claims", stale_sec=self.stale_sec) as claims:
            left = wanted
            while True:
                # Once more for those of other processes, which may have died or given up since.
                left, before = self._pass(left, claims, records, report), len(left)
                if not left or len(left) == before:
                    break
            self._finish(claims, records)
        return ExtractionResult(self._written, sorted(self._failures.values()), len(video_ids) - len(wanted), len(left))

    def _pass(
        self, video_ids: Sequence[str], claims: WorkClaims, records: FailureRecords, report: Callable[[str], None]
    ) -> list[str]:
        """Work through videos once; return those that other processes have claimed."""
        busy: list[str] = []
        claimed = self._claim(video_ids, claims, records, busy, report)
        with closing(self._decode_ahead(claimed)) as ready:
            for video_id, decoded in ready:
                failure = self._store(video_id, decoded)
                if failure is None:
                    records.forget(video_id)
                    self._written += 1
                else:
                    records.note(failure)
                    self._failures[video_id] = failure
                claims.release(video_id)
                report(video_id)
        return busy

    def _claim(
        self,
        video_ids: Sequence[str],
        claims: WorkClaims,
        records: FailureRecords,
        busy: list[str],
        report: Callable[[str], None],
    ) -> Iterator[str]:
        """Yield the videos that this process has claimed, each when it is requested."""
        for video_id in video_ids:
            if not claims.take(video_id):
                busy.append(video_id)
                continue
            # Only now, as another process may have finished it between a look and the claim.
            failure = records.noted_since(video_id)
            if failure is None and not self.store.has(video_id):
                yield video_id
                continue
            if failure is not None:
                self._failures[video_id] = failure
            claims.release(video_id)
            report(video_id)

    def _decode_ahead(self, video_ids: Iterator[str]) -> Generator[tuple[str, Decoded], None, None]:
        """Decode the next videos in threads while the backbone works on this one; yield what is ready first."""
        executor = ThreadPoolExecutor(self.num_workers, thread_name_prefix="decode")
        waiting: dict[Decoded, str] = {}
        try:
            while True:
                while len(waiting) < self.num_workers + VIDEOS_AHEAD:
                    video_id = next(video_ids, None)
                    if video_id is None:
                        break
                    waiting[executor.submit(self.folder.read, video_id)] = video_id
                if not waiting:
                    return
                wait(waiting, return_when=FIRST_COMPLETED)
                ready = next(decoded for decoded in waiting if decoded.done())
                yield waiting.pop(ready), ready
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            # Decoders of an interrupted command must not be waited for. A video that is read in two steps continues in
            # another process after the first is ended.
            while not all(decoded.done() for decoded in waiting):
                self.folder.close()
                wait(waiting, timeout=_ABORT_SEC)
            executor.shutdown()

    def _store(self, video_id: str, decoded: Decoded) -> UnusableVideo | None:
        """Encode and write a decoded video; return why it cannot be used."""
        path = self.folder.path(video_id)
        try:
            snippets = decoded.result()
        except ConfigError:
            raise
        except Exception as failure:  # no failure, not even a bug of ours, may end the others
            return UnusableVideo.from_failure(video_id, path, failure)
        features = self.encode(snippets.values)
        if not features.to(getattr(torch, self.dtype)).isfinite().all():
            remedy = "store them with --dtype float32" if features.isfinite().all() else "check the weights"
            return UnusableVideo(video_id, str(path), f"has features that {self.dtype} cannot hold; {remedy}")
        self.store.write(video_id, features, self.folder.duration_sec(video_id), self.dtype)
        return None

    def _finish(self, claims: WorkClaims, records: FailureRecords) -> None:
        """Merge the records of all processes, and remove what killed ones have left."""
        others = claims.claimed_by_others()
        self.store.finalize(_PATIENCE_SEC)
        root = self.store.root
        at_work = owners(root / "claims")
        for folder in (root, root / "entries", root / "claims", records.folder):
            remove_orphans(folder, at_work)
        records.collect(self.store.video_ids, is_last=not others)


def load_public_weights(backbone: Backbone, path: Path) -> Backbone:
    """Load public weights into a backbone whose class has ``load_public_weights(path)``; return it in evaluation mode.

    Raises:
        CheckpointError: If the class cannot read public weights, or the file does not fit.
    """
    if not isinstance(backbone, ReadsPublicWeights):
        raise CheckpointError(
            f"{type(backbone).__name__} cannot read public weights; use P3D, add a method "
            "'load_public_weights' to the class, or extract with a trained checkpoint"
        )
    backbone.load_public_weights(path)
    return backbone.eval()
