"""Annotations, feature stores and the samples that training and evaluation consume."""

from aher_lightning.datasets.array_folder import ArrayFolderStore
from aher_lightning.datasets.csv_folder import CsvFolderStore
from aher_lightning.datasets.feature_store import NpyFeatureStore
from aher_lightning.datasets.hdf5_store import Hdf5Store

__all__ = ["ArrayFolderStore", "CsvFolderStore", "Hdf5Store", "NpyFeatureStore"]
