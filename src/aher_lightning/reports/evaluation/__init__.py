"""Evaluation reports as users see them: records, terminal tables, figures and HTML page."""
