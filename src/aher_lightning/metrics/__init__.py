"""Temporal mAP and AR@AN as torchmetrics classes over pure functions."""
