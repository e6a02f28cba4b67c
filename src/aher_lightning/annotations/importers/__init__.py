"""Annotations that were made in the tools of others: ELAN, VGG Image Annotator, CVAT and Label Studio."""
