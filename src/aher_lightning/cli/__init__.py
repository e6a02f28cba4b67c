"""The command line: which commands there are, their parsers and functions, and how errors are reported."""
