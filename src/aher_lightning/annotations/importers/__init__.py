"""Importers of files of annotation tools: ELAN, VGG Image Annotator, CVAT and Label Studio."""
