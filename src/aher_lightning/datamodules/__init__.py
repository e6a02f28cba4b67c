"""Lightning data modules that mix untrimmed, foreground and moment batches."""
