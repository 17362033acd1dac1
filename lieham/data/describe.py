"""This module describes datasets of trajectories: as figures, as text and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from lieham._support.report import Report
from lieham.data.dataset import Dataset
from lieham.data.provenance import Provenance
from lieham.errors import expected
from lieham.state import Trajectory


@dataclass(frozen=True)
class Description(Report):
    """A description that sums up a dataset of trajectories; `describe` makes it.

    Args:
        provenance: where the data come from.
        splits: for each split its shapes, times, ranges and total momenta, by name.
        examples: the first trajectory of each split, which `plot` draws.
    """

    provenance: Provenance
    splits: dict[str, dict]
    examples: dict[str, Trajectory]

    def as_dict(self) -> dict:
        """Return the provenance and the figures of every split as plain data that JSON can hold."""
        return {"provenance": self.provenance.as_dict(), "splits": self.splits}

    def __str__(self) -> str:
        lines = [f"{key:<18} {value}" for key, value in self.provenance.as_dict().items()]
        return "\n".join(lines + [line for name, x in self.splits.items() for line in _lines(name, x)])

    def plot(self, path: str | Path) -> Path:
        """Draw the first trajectory of every split as a PNG: its paths, and every coordinate against time.

        Args:
            path: the file to write.

        Returns:
            The path.
        """
        from lieham.plotting import plot_positions

        real = {name: (x.times, x.q[:, x.bodies.mask]) for name, x in self.examples.items()}
        return plot_positions(real, path)


def describe(dataset: Dataset) -> Description:
    """Describe a dataset: its provenance, and the shapes, times, ranges and total momenta of every split.

    Args:
        dataset: trajectories in splits.

    Returns:
        A description, to be printed, drawn by `plot`, or taken as a dictionary by `as_dict`.

    Raises:
        InputError: if this is no dataset of trajectories.
    """
    if getattr(dataset, "kind", None) != Dataset.kind:
        raise expected("dataset", "a Dataset of trajectories, such as lieham.read gives", f"a {type(dataset).__name__}")
    splits = dataset.splits
    figures = {name: _figures(x) for name, x in splits.items()}
    return Description(dataset.provenance, figures, {name: x[0] for name, x in splits.items()})


def _figures(given: Trajectory) -> dict:
    """Return the figures of a split; sums and squares are formed in float64, which holds those of any float32."""
    x, dtype = given.to(dtype=torch.float64), str(given.q.dtype).removeprefix("torch.")
    steps = x.times.diff(dim=-1)
    real = x.bodies.mask
    total = (x.p[:, 0] * real[..., None]).sum(-2).norm(dim=-1)
    ranges = {"q": x.q[real[:, None].expand(x.q.shape[:-1])], "p": x.p[real[:, None].expand(x.p.shape[:-1])]}
    ranges |= {"mass": x.bodies.mass[real], "features": x.bodies.features[real]}
    return {
        "trajectories": len(x),
        "points": x.times.shape[-1],
        "bodies": x.q.shape[-2],
        "dim": x.dim,
        "features": x.bodies.features.shape[-1],
        "padded": 1 - real.double().mean().item(),
        "dtype": dtype,
        "times": [x.times.min().item(), x.times.max().item()],
        "step": [steps.min().item(), steps.max().item()] if steps.numel() else None,
        "total_momentum": [total.min().item(), total.max().item()],
        "range": {name: [y.min().item(), y.max().item()] for name, y in ranges.items() if y.numel()},
    }


def _lines(name: str, x: dict) -> list[str]:
    """Return the figures of a split as lines of text."""
    size = f"{x['trajectories']} trajectories of {x['points']} points, {x['bodies']} bodies in {x['dim']}-D"
    lines = [f"\n{name}: {size}"]
    lines.append(f"  {'dtype':<16} {x['dtype']}, {x['features']} features, {100 * x['padded']:.0f} % padded")
    ranges = {key: x[key] for key in ("times", "step", "total_momentum") if x[key]} | x["range"]
    # Times are given in full: 2451545.25 and 2451546.5 are one number to 6 digits.
    return lines + [
        f"  {key:<16} {low:.{digits}g} to {high:.{digits}g}"
        for key, (low, high) in ranges.items()
        for digits in [15 if key == "times" else 6]
    ]
