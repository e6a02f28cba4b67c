"""Samples that training and evaluation consume: untrimmed videos, foreground segments, moments."""
