"""This package holds the formats that `lieham.read` knows. A new one is one file here and one line in `FORMATS`.

The file defines a `contents.Format`: the suffixes, and a function from a path to `contents.Contents`, that is, to named
arrays, with splits where the file has them. Shapes, units of time, missing masses and the cutting of splits are no
concern of a format: `lieham.data.reading` treats the arrays of all formats alike. `forecasts` is no format of data: it
writes what a model predicts while it runs.
"""

from lieham.data.formats.contents import Format
from lieham.data.formats.hdf5 import HDF5
from lieham.data.formats.npz import NPZ

FORMATS: dict[str, Format] = {suffix: x for x in (HDF5, NPZ) for suffix in x.suffixes}
"""This table gives the format for every suffix of a file."""

__all__ = ["FORMATS", "Format"]
