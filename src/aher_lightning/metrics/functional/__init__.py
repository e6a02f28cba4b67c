"""The evaluation protocols as pure functions."""
