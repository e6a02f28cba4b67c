"""Feature stores: our own, third-party layouts, and claims that divide extraction among processes."""

from aher_lightning.features.array_folder import ArrayFolderStore
from aher_lightning.features.csv_folder import CsvFolderStore
from aher_lightning.features.hdf5 import Hdf5Store
from aher_lightning.features.store import NpyFeatureStore

__all__ = ["ArrayFolderStore", "CsvFolderStore", "Hdf5Store", "NpyFeatureStore"]
