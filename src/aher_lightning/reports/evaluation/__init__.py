"""What users see of an evaluation: the report, its tables, figures and page."""
