"""Trajectories and clouds of points in memory and on disk."""

from lieham.data.clouds import CloudDataset, PointClouds
from lieham.data.dataset import Dataset, Windows
from lieham.data.hdf5 import TrajectoryWriter, load, new_path, read_forecast, save
from lieham.data.readers import describe, format_description, read

__all__ = [
    "CloudDataset",
    "Dataset",
    "PointClouds",
    "TrajectoryWriter",
    "Windows",
    "describe",
    "format_description",
    "load",
    "new_path",
    "read",
    "read_forecast",
    "save",
]
