"""Annotations, feature stores and the samples that training and evaluation consume."""

from aher_lightning.datasets.feature_store import NpyFeatureStore

__all__ = ["NpyFeatureStore"]
