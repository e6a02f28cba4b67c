"""What users look at: prediction files, figures and tables."""
