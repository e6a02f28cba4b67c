"""The arrays that were read last, kept in memory up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt


class RecentArrays:
    """Keep the arrays that were used last, as many as fit into a number of bytes.

    For files that can only be read as a whole, of which several spans are wanted. Every process has its own:
    what is kept is left behind when the object is pickled for another one.

    Args:
        max_bytes: How much to keep; 0 keeps nothing. An array larger than that is read anew every time.

    Example:
        >>> recent = RecentArrays(1000)
        >>> recent.get(Path("a"), lambda: np.zeros(3)) is recent.get(Path("a"), lambda: np.ones(3))
        True
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._arrays: OrderedDict[Path, npt.NDArray[np.generic]] = OrderedDict()

    @property
    def num_bytes(self) -> int:
        """Bytes of the arrays that are kept."""
        return sum(array.nbytes for array in self._arrays.values())

    def get(self, path: Path, read: Callable[[], npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
        """Return the array of a file, reading it if it is not kept.

        Args:
            path: The file, by which the array is known.
            read: Reads it.

        Returns:
            The array; do not write into it.
        """
        array = self._arrays.get(path)
        if array is None:
            array = read()
            if array.nbytes > self.max_bytes:
                return array
            self._arrays[path] = array
        self._arrays.move_to_end(path)
        while self.num_bytes > self.max_bytes:
            self._arrays.popitem(last=False)
        return array

    def __getstate__(self) -> dict[str, object]:
        return {"max_bytes": self.max_bytes, "_arrays": OrderedDict()}
