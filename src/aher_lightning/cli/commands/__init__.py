"""The commands, one file each, as plain functions."""
