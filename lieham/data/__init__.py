"""Trajectories and clouds of points in memory and on disk."""

from lieham.data.clouds import CloudDataset, PointClouds
from lieham.data.dataset import Dataset
from lieham.data.describe import describe, format_description
from lieham.data.formats.forecasts import TrajectoryWriter, read_forecast
from lieham.data.formats.hdf5 import load, new_path, save
from lieham.data.masses import infer_masses
from lieham.data.reading import read
from lieham.data.windows import Windows

__all__ = [
    "CloudDataset",
    "Dataset",
    "PointClouds",
    "TrajectoryWriter",
    "Windows",
    "describe",
    "format_description",
    "infer_masses",
    "load",
    "new_path",
    "read",
    "read_forecast",
    "save",
]
