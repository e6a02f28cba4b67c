"""Makes known the classes that configurations name without their path: those of the packages imported here."""

from aher_lightning import datamodules, features, losses, models, modules, video

__all__ = ["datamodules", "features", "losses", "models", "modules", "video"]
