"""Temporal annotations: records, readers of every layout, category splits, importers of annotation tools."""
