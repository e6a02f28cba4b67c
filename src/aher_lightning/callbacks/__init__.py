"""Trainer callbacks, one behaviour each."""

from aher_lightning.callbacks.compilation import Compilation
from aher_lightning.callbacks.discriminator_watch import DiscriminatorWatch
from aher_lightning.callbacks.iteration_checkpoint import IterationCheckpoint
from aher_lightning.callbacks.metrics_writer import MetricsWriter
from aher_lightning.callbacks.prediction_writer import PredictionWriter
from aher_lightning.callbacks.preemption import Preemption
from aher_lightning.callbacks.progress import PhaseProgress
from aher_lightning.callbacks.run_facts import RunFacts
from aher_lightning.callbacks.score_table import ScoreTable
from aher_lightning.callbacks.timeline_images import TimelineImages
from aher_lightning.callbacks.training_curves import TrainingCurves

__all__ = [
    "Compilation",
    "DiscriminatorWatch",
    "IterationCheckpoint",
    "MetricsWriter",
    "PhaseProgress",
    "PredictionWriter",
    "Preemption",
    "RunFacts",
    "ScoreTable",
    "TimelineImages",
    "TrainingCurves",
]
