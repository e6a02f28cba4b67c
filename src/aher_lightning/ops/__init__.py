"""Pure tensor functions on segments, anchors and feature sequences."""
