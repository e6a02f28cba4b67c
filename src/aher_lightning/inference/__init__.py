"""From a checkpoint and a video file to detections."""
