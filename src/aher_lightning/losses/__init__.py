"""Training objectives, one file each (equations 4, 6, 7 and 8 of the paper)."""
