"""This package holds trajectories and clouds of points, in memory and on disk.

A file goes through `formats` (named arrays), `arrays` (validated trajectories) and `reading` (a dataset of splits);
`provenance` records the origin of the data, `describe` sums up their content, and `windows` cuts the pieces to learn.
"""

from lieham.data.check import DataCheck, Finding, check
from lieham.data.clouds import CloudDataset, PointClouds
from lieham.data.dataset import Dataset
from lieham.data.describe import Description, describe
from lieham.data.formats.forecasts import TrajectoryWriter, read_forecast
from lieham.data.formats.hdf5 import save
from lieham.data.masses import infer_masses
from lieham.data.provenance import Provenance
from lieham.data.reading import load, read
from lieham.data.windows import Windows

__all__ = [
    "CloudDataset",
    "DataCheck",
    "Dataset",
    "Description",
    "Finding",
    "PointClouds",
    "Provenance",
    "TrajectoryWriter",
    "Windows",
    "check",
    "describe",
    "infer_masses",
    "load",
    "read",
    "read_forecast",
    "save",
]
