"""The numbers behind the paper's figures."""
