"""The command line: verbs, their parsers and commands, and how errors are reported."""
