"""Samples of training and evaluation: untrimmed videos, foreground segments, moments; samplers and collation."""
