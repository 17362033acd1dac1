"""Summaries of many errors, some of which may not be finite."""

from __future__ import annotations

import torch

from lieham.typing import Float, Tensor

QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}


def summary(errors: Float[Tensor, " systems"]) -> dict:
    """Summarise errors by their mean, quartiles and number of divergences.

    An error that is not finite counts as infinite, and None stands for an infinite figure.
    """
    wrong = torch.where(torch.isfinite(errors), errors, torch.full_like(errors, torch.inf))
    figures = {"mean": wrong.mean()} | {name: torch.quantile(wrong, q) for name, q in QUANTILES.items()}
    return {name: finite(x.item()) for name, x in figures.items()} | {"diverged": int(wrong.isinf().sum())}


def finite(x: float) -> float | None:
    """Return x, or None for NaN and infinities, which JSON does not have."""
    return x if torch.isfinite(torch.tensor(x)) else None


def over_seeds(values: list[float | None]) -> dict:
    """Return median and quartiles over seeds; a seed that diverged counts as infinite."""
    x = torch.tensor([torch.inf if v is None else v for v in values], dtype=torch.float64)
    return {name: finite(torch.quantile(x, q).item()) for name, q in QUANTILES.items()}
