"""Trainer callbacks, one behaviour each."""
