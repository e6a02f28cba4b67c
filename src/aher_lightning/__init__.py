"""Find actions in long videos without annotating start and end times (AherNet, ECCV 2020)."""

__version__ = "0.1.0"
