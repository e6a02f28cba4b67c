"""Networks in plain torch, pluggable through the bases in models.base."""
