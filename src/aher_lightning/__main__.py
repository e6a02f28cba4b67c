"""``python -m aher_lightning`` is the command ``aher``."""

from aher_lightning.cli.main import console_main

if __name__ == "__main__":
    console_main()
