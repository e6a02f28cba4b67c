"""What a rendered benchmark consists of: its parameters and the list of its videos."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, TypeAlias

from aher_lightning.errors import ConfigError
from aher_lightning.rendering.catalogue import MOMENT_CATEGORIES, UNTRIMMED_CATEGORIES
from aher_lightning.rendering.categories import Category
from aher_lightning.rendering.scene import Canvas

Group: TypeAlias = Literal["un_train", "am_train", "am_val", "un_val", "moment"]
"""Untrimmed videos by category set and subset, and the moments."""

GROUPS: tuple[Group, ...] = ("un_train", "am_train", "am_val", "un_val", "moment")

_LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "untrimmed_categories": (1, len(UNTRIMMED_CATEGORIES)),
    "moment_categories": (1, len(MOMENT_CATEGORIES)),
    "training_videos": (0, 99_999),
    "moments_per_category": (0, 99_999),
    "validation_videos": (0, 99_999),
    "untrimmed_validation_videos": (0, 99_999),
    "moment_training_videos": (0, 99_999),
    "width": (32, 1024),
    "height": (32, 1024),
    "fps": (5, 60),
    "min_duration_sec": (5, 3600),
    "max_duration_sec": (5, 3600),
    "recording_sec": (0, 86_400),
    "actions_per_hour": (1, 500),
}


@dataclass(frozen=True, kw_only=True)
class BenchmarkParameters:
    """Everything that determines the pixels and labels of a benchmark.

    Attributes:
        seed: Another seed gives other videos of the same kind.
        untrimmed_categories: Number of categories with temporal annotations (UN).
        moment_categories: Number of categories known from moments alone (AM).
        training_videos: Untrimmed training videos of UN categories.
        moments_per_category: Moments of each AM category.
        validation_videos: Untrimmed validation videos of AM categories.
        untrimmed_validation_videos: Untrimmed validation videos of UN categories.
        moment_training_videos: Untrimmed training videos of AM categories, for fully supervised upper bounds.
        width: Width of the frames, pixels, even.
        height: Height of the frames, pixels, even.
        fps: Frames per second.
        min_duration_sec: Shortest untrimmed video, seconds.
        max_duration_sec: Longest untrimmed video, seconds.
        recording_sec: If not 0, untrimmed videos are recordings of this length, with short actions of all categories of
            their set.
        actions_per_hour: Actions in an hour of such a recording.
    """

    seed: int = 0
    untrimmed_categories: int = 8
    moment_categories: int = 8
    training_videos: int = 160
    moments_per_category: int = 60
    validation_videos: int = 64
    untrimmed_validation_videos: int = 16
    moment_training_videos: int = 0
    width: int = 72
    height: int = 72
    fps: int = 10
    min_duration_sec: float = 30.0
    max_duration_sec: float = 45.0
    recording_sec: float = 0.0
    actions_per_hour: int = 18

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        for name, value in asdict(self).items():
            low, high = _LIMITS[name]
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}: choose a value from {low} to {high}")
        for name, side in (("width", self.width), ("height", self.height)):
            if side % 2:
                raise ConfigError(f"{name} is {side}: H.264 needs an even number, choose {side + 1}")
        if self.min_duration_sec > self.max_duration_sec:
            raise ConfigError(
                f"min_duration_sec {self.min_duration_sec} is above max_duration_sec {self.max_duration_sec}: swap them"
            )

    @property
    def canvas(self) -> Canvas:
        """Format of the frames."""
        return Canvas(self.width, self.height, self.fps)

    def categories(self, group: Group) -> tuple[Category, ...]:
        """Return the categories whose actions the videos of a group show, in the order of the catalogue."""
        if group.startswith("un"):
            return UNTRIMMED_CATEGORIES[: self.untrimmed_categories]
        return MOMENT_CATEGORIES[: self.moment_categories]


class VideoTask(NamedTuple):
    """One video to render.

    Attributes:
        video_id: Unique in the benchmark.
        path: Its file, relative to the benchmark's folder, with forward slashes.
        group: Its group.
        number: Its number within the group, or within the category for moments.
        category: Index of its category in the group's set.
    """

    video_id: str
    path: str
    group: Group
    number: int
    category: int


def list_videos(parameters: BenchmarkParameters) -> list[VideoTask]:
    """Return all videos of a benchmark, untrimmed ones first, then moments.

    Categories take turns, so their numbers of videos differ by one at most.

    Example:
        >>> tasks = list_videos(BenchmarkParameters(training_videos=2, moments_per_category=1))
        >>> tasks[1].path, tasks[-1].path
        ('videos/un_train_00001.mp4', 'moments/tracing_eights/tracing_eights_00000.mp4')
    """
    sizes: list[tuple[Group, int]] = [
        ("un_train", parameters.training_videos),
        ("am_train", parameters.moment_training_videos),
        ("am_val", parameters.validation_videos),
        ("un_val", parameters.untrimmed_validation_videos),
    ]
    tasks: list[VideoTask] = []
    for group, size in sizes:
        count = len(parameters.categories(group))
        for index in range(size):
            video_id = f"{group}_{index:05d}"
            tasks.append(VideoTask(video_id, f"videos/{video_id}.mp4", group, index, index % count))
    for number, category in enumerate(parameters.categories("moment")):
        for index in range(parameters.moments_per_category):
            video_id = f"{category.name}_{index:05d}"
            path = f"moments/{category.name}/{video_id}.mp4"
            tasks.append(VideoTask(video_id, path, "moment", index, number))
    return tasks
