"""Temporal annotations: readers of every layout, category lists and splits, importers of annotation tools."""
