"""``aher analyze``: the figures of the paper, and their numbers, from one's own runs."""
