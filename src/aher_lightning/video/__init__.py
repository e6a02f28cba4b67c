"""Reading real video files: frames by time stamp, snippets, the temporal contract."""
