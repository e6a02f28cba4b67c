"""The rendered benchmark: real video files whose actions are motions."""
