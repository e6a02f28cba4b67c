"""From annotation and prediction files to scores: protocols, ground truth, reports, comparisons."""
