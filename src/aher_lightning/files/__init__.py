"""Files and folders: strict JSON, streaming of large JSON, atomic writes, ownership between processes."""
