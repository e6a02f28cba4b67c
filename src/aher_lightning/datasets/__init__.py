"""Annotations, feature stores and the samples that training and evaluation consume."""
