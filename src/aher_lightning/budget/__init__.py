"""What a run will train, need and lack, worked out without training."""
