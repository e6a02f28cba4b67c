"""Prediction files in the ActivityNet layout: reading and writing."""
