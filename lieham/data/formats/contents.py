"""This module defines a format: the suffixes of its files, and the function that reads one into named arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lieham.data.dataset import SPLITS
from lieham.errors import check_choice

Arrays = dict[str, np.ndarray]
"""Arrays have the names of `lieham.data.arrays.KNOWN`, such as `times`, `q`, `p` and `mass`."""


@dataclass(frozen=True)
class Contents:
    """A record that holds a file's contents: the arrays of each split, or those of the whole file under the name "".

    Args:
        splits: arrays by name for "train", "val" and "test", as many as are there; or for "" alone, where the file
            has no splits and the reader of datasets cuts them.
        attributes: what the file says about itself; see `Provenance.of`.

    Raises:
        InputError: a split has another name.
    """

    splits: Mapping[str, Arrays]
    attributes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.splits if self.splits.keys() != {""} else ():
            check_choice("split", name, SPLITS)


@dataclass(frozen=True)
class Format:
    """A format that says how files of trajectories are recognised and read.

    Args:
        suffixes: how the names of such files end, with the dot.
        read: a function from the path of a file to its contents. It raises FileError where the file is not of this
            format (`guards.broken_means` does that), and executes nothing that the file holds.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Path], Contents]
