"""Checkpoints: content, validation, the last one of a run, folders to share, added categories."""
