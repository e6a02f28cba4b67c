"""What users of torchmetrics rely on, for each of our metrics."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MeanMetric, MetricCollection

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.metrics.per_video import PerVideoMetric, VideoTables
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import random_case
from tests.helpers.metric_workers import ALL_METRICS

CASE = random_case(0)
ALL = list(range(CASE.num_videos))
HALF = ALL[:6]
Batch = tuple[list[Detections], list[Detections], list[int]]

STATES = {
    "videos": (torch.int64, (0,)),
    "prediction_counts": (torch.int64, (0,)),
    "prediction_segments": (torch.float64, (0, 2)),
    "prediction_scores": (torch.float64, (0,)),
    "prediction_labels": (torch.int64, (0,)),
    "instance_counts": (torch.int64, (0,)),
    "instance_segments": (torch.float64, (0, 2)),
    "instance_labels": (torch.int64, (0,)),
}


def batch(videos: list[int]) -> Batch:
    return [CASE.predictions[video] for video in videos], [CASE.targets[video] for video in videos], videos


def numbers(values: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


Make = Callable[[], PerVideoMetric]


@pytest.fixture(params=ALL_METRICS)
def make(request: pytest.FixtureRequest) -> Make:
    return ALL_METRICS[str(request.param)]


def score(make: Make, videos: list[int]) -> dict[str, float]:
    """Values of a new metric that has seen some videos at once."""
    metric = make()
    metric.update(*batch(videos))
    return numbers(metric.compute())


def send_to_oneself(state: Tensor, group: object) -> list[Tensor]:
    """What gathering returns if there is one process."""
    assert group is None
    return [state]


def test_states_without_any_video_are_typed(make: Make) -> None:
    metric = make()
    metric.update([], [], [])
    kinds = {name: [(part.dtype, tuple(part.shape)) for part in getattr(metric, name)] for name in STATES}
    assert kinds == {name: [kind] for name, kind in STATES.items()}


def test_states_without_any_update_are_typed_once_gathered(make: Make) -> None:
    metric = make()
    assert metric.metric_state == {name: [] for name in STATES}
    metric.sync(dist_sync_fn=send_to_oneself, distributed_available=lambda: True)
    assert {name: (getattr(metric, name).dtype, tuple(getattr(metric, name).shape)) for name in STATES} == STATES
    metric.unsync()
    metric.update(*batch(HALF))
    assert numbers(metric.compute()) == score(make, HALF)


def test_gathered_states_keep_their_types(make: Make) -> None:
    metric = make()
    for video in HALF:
        metric.update(*batch([video]))
    metric.sync(dist_sync_fn=send_to_oneself, distributed_available=lambda: True)
    assert {name: getattr(metric, name).dtype for name in STATES} == {name: kind[0] for name, kind in STATES.items()}


def test_computing_without_an_update_warns_and_is_undefined(make: Make) -> None:
    with pytest.warns(UserWarning, match="was called before the ``update`` method"):
        values = make().compute()
    assert all(value.isnan() for value in values.values())


def test_the_order_of_updates_does_not_matter(make: Make) -> None:
    expected, random = score(make, ALL), np.random.default_rng(0)
    for _ in range(3):
        metric = make()
        for part in np.array_split(random.permutation(ALL), 4):
            metric.update(*batch(part.tolist()))
        assert numbers(metric.compute()) == expected


def test_forward_returns_the_value_of_the_batch_and_collects(make: Make) -> None:
    metric = make()
    for videos in (HALF, ALL[6:]):
        assert numbers(metric(*batch(videos))) == score(make, videos)
    assert numbers(metric.compute()) == score(make, ALL)
    assert score(make, HALF) != score(make, ALL)


def test_results_are_cached_until_the_next_update(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[PerVideoMetric] = []
    plain = PerVideoMetric.tables

    def counted(metric: PerVideoMetric) -> VideoTables:
        calls.append(metric)
        return plain(metric)

    monkeypatch.setattr(PerVideoMetric, "tables", counted)
    metric = make()
    metric.update(*batch(HALF))
    assert numbers(metric.compute()) == numbers(metric.compute())
    assert len(calls) == 1
    metric.update(*batch(ALL[6:]))
    assert numbers(metric.compute()) == score(make, ALL)


@pytest.mark.parametrize("kind", [TemporalMeanAveragePrecision, ProposalRecall, DetectionScores])
def test_options_of_torchmetrics_are_passed_on(kind: Callable[..., PerVideoMetric]) -> None:
    metric = kind(sync_on_compute=False, compute_with_cache=False)
    assert not metric.sync_on_compute
    assert not metric.compute_with_cache
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `colour`"):
        kind(colour="red")


def test_reset_forgets_everything(make: Make) -> None:
    metric = make()
    metric.update(*batch(HALF))
    metric.compute()
    metric.reset()
    assert metric.metric_state == {name: [] for name in STATES}
    metric.update(*batch(ALL[6:]))
    assert numbers(metric.compute()) == score(make, ALL[6:])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
@pytest.mark.parametrize("seen", [[], HALF])
def test_copies_go_their_own_way(
    make: Make, duplicate: Callable[[PerVideoMetric], PerVideoMetric], seen: list[int]
) -> None:
    metric = make()
    if seen:
        metric.update(*batch(seen))
        metric.compute()
    other = duplicate(metric)
    other.update(*batch(ALL[6:]))
    assert numbers(other.compute()) == score(make, [*seen, *ALL[6:]])
    metric.update(*batch(ALL[6:8]))
    assert numbers(metric.compute()) == score(make, [*seen, *ALL[6:8]])


def test_states_are_saved_if_asked_for(make: Make, tmp_path: Path) -> None:
    metric, other = make(), make()
    metric.update(*batch(HALF))
    assert metric.state_dict() == {}
    metric.persistent(True)
    assert metric.state_dict(prefix="val.").keys() == {f"val.{name}" for name in STATES}
    torch.save(metric.state_dict(), tmp_path / "states.ckpt")
    other.load_state_dict(torch.load(tmp_path / "states.ckpt", weights_only=True))
    other.update(*batch(ALL[6:]))
    assert numbers(other.compute()) == score(make, ALL)


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "half": lambda module: module.half(),
    "double": lambda module: module.double(),
    "float": lambda module: module.float(),
    "bfloat16": lambda module: module.bfloat16(),
    "type": lambda module: module.type(torch.float16),
    "to a type": lambda module: module.to(torch.float16),
    "to a device": lambda module: module.to("cpu"),
    "to both": lambda module: module.to("cpu", torch.bfloat16),
    "set_dtype": lambda module: module.set_dtype(torch.float16) if isinstance(module, PerVideoMetric) else module,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("is_part", [False, True])
def test_no_change_of_precision_rounds_the_states(
    make: Make, change: Callable[[nn.Module], object], is_part: bool
) -> None:
    metric = make()
    metric.update(*batch(HALF))
    metric.compute()
    change(nn.ModuleList([metric, nn.Linear(1, 1)]) if is_part else metric)
    assert all(value.dtype == torch.float64 for value in metric.compute().values())
    metric.update(*batch(ALL[6:]))
    change(metric)
    types = {name: {part.dtype for part in getattr(metric, name)} for name in STATES}
    assert types == {name: {kind[0]} for name, kind in STATES.items()}
    assert numbers(metric.compute()) == score(make, ALL)


def test_another_device_takes_the_states_along(make: Make) -> None:
    metric = make()
    metric.update(*batch(HALF))
    metric.to("meta")
    assert metric.device == torch.device("meta")
    assert {part.device.type for name in STATES for part in getattr(metric, name)} == {"meta"}


@pytest.mark.parametrize("compute_groups", [True, False])
def test_a_collection_gives_what_each_metric_gives(compute_groups: bool) -> None:
    parts = [TemporalMeanAveragePrecision(), ProposalRecall(), MeanMetric()]
    collection = MetricCollection(parts, prefix="val/", compute_groups=compute_groups)
    named = {"weight": torch.tensor(2.0), "value": torch.tensor(3.0)}
    for videos in (HALF[:2], HALF[2:]):
        keys = ("predictions", "targets", "video_ids")
        collection.update(**dict(zip(keys, batch(videos), strict=True)), **named)
    value = collection(**dict(zip(keys, batch(ALL[6:]), strict=True)), **named)
    single = score(TemporalMeanAveragePrecision, ALL[6:]) | score(ProposalRecall, ALL[6:])
    assert numbers(value) == {**{f"val/{name}": one for name, one in single.items()}, "val/MeanMetric": 3.0}
    together = score(TemporalMeanAveragePrecision, ALL) | score(ProposalRecall, ALL)
    assert numbers(collection.compute()) == {
        **{f"val/{name}": one for name, one in together.items()},
        "val/MeanMetric": 3.0,
    }
    assert len(collection.compute_groups) == (2 if compute_groups else 0)
    collection.reset()
    collection.update(**dict(zip(keys, batch(HALF), strict=True)), **named)
    assert numbers(collection.compute())["val/AUC"] == score(ProposalRecall, HALF)["AUC"]


def test_metrics_of_one_group_keep_their_options() -> None:
    collection = MetricCollection(
        {
            "strict": TemporalMeanAveragePrecision([0.9]),
            "loose": TemporalMeanAveragePrecision([0.3]),
            "blind": TemporalMeanAveragePrecision([0.35], class_agnostic=True),
        }
    )
    for video in ALL:
        collection.update(*batch([video]))
    values = numbers(collection.compute())
    assert len(collection.compute_groups) == 1
    assert values["strict_mAP"] == score(lambda: TemporalMeanAveragePrecision([0.9]), ALL)["mAP"]
    assert values["loose_mAP"] == score(lambda: TemporalMeanAveragePrecision([0.3]), ALL)["mAP"]
    blind = score(lambda: TemporalMeanAveragePrecision([0.35], class_agnostic=True), ALL)
    assert values["blind_mAP"] == blind["mAP"] != values["loose_mAP"]


class Videos(Dataset[int]):
    def __len__(self) -> int:
        return CASE.num_videos

    def __getitem__(self, index: int) -> int:
        return index


class Evaluator(pl.LightningModule):
    """Logs metrics in the ways that Lightning offers for results of several values."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.metric = make()
        self.collection = MetricCollection([TemporalMeanAveragePrecision(), ProposalRecall()], prefix="both/")

    def validation_step(self, videos: list[int]) -> None:
        self.metric.update(*batch(videos))
        self.collection.update(*batch(videos))

    def on_validation_epoch_end(self) -> None:
        for name, value in self.metric.compute().items():
            self.log(f"single/{name}", value)
        self.log_dict({f"dict/{name}": value for name, value in self.metric.compute().items()})
        self.log_dict(self.collection.compute())
        self.metric.reset()
        self.collection.reset()


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_a_module_logs_the_values(make: Make, precision: str, tmp_path: Path) -> None:
    trainer = pl.Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    loader = DataLoader(Videos(), batch_size=5, collate_fn=list)
    module = Evaluator(make)
    for _ in range(2):  # the second time sees nothing of the first one
        (logged,) = trainer.validate(module, loader, verbose=False)
        expected = score(make, ALL)
        for way in ("single", "dict"):
            found = {name.removeprefix(f"{way}/"): value for name, value in logged.items() if name.startswith(way)}
            assert found == pytest.approx(expected, abs=1e-6 if precision == "32-true" else 1e-2)
        assert logged["both/AUC"] == pytest.approx(score(ProposalRecall, ALL)["AUC"], abs=1e-2)


def test_plots_have_labelled_axes(make: Make) -> None:
    metric = make()
    values = [metric(*batch(videos)) for videos in (HALF, ALL[6:])]
    for plot in (metric.plot(), metric.plot(values[0]), metric.plot(values)):
        figure, axes = plot
        assert axes.figure is figure
        assert axes.get_xlabel()
        assert axes.get_ylabel() or axes.get_yticklabels()
    _, again = metric.plot(values[0], axes)
    assert again is axes
