"""Files and folders: strict JSON, streaming of large JSON, atomic writes, ownership, which files are videos."""
