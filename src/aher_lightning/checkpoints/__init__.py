"""Checkpoints: content, validation, the last one of a run, folders to share, added categories.

How a run resumes, from ``--ckpt_path last`` to the first batch:

1. :mod:`.last` finds the newest readable checkpoint of the run folder, and the command line puts its path in place of
   the word "last".
2. Lightning reads it with ``weights_only=True``. ``BaseModule.on_load_checkpoint`` compares categories, architecture
   and temporal contract, and takes over the iteration; the phased module makes room for added categories first.
3. Lightning restores weights, optimizers, schedules and the state of callbacks. If ``iterations`` was raised after
   a run had finished, ``IterationCheckpoint`` reopens it.
4. The training loaders ask the module for its iteration and begin there: samples and random draws are functions of
   (seed, iteration, rank), so there is no loader or generator state.
5. The first batch says which iteration it belongs to, and the module refuses any other.
"""
