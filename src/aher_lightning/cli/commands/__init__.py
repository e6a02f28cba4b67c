"""The verbs of the command line as plain functions."""
