"""Backbones: P3D networks, and the pieces for running them over many clips."""
