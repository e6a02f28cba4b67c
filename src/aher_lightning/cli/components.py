"""Imports the packages whose classes configurations may name without a path."""

from aher_lightning import datamodules, features, losses, models, modules, video

__all__ = ["datamodules", "features", "losses", "models", "modules", "video"]
