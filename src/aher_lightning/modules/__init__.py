"""LightningModules: optimization, logging and evaluation of the networks."""
