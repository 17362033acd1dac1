"""Figures of many errors, those that are not finite among them."""

from __future__ import annotations

import torch

from lieham.typing import Float, Tensor

QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}


def summary(errors: Float[Tensor, " systems"]) -> dict:
    """Mean, quartiles, and how many diverged, which count as infinitely wrong; None stands for an infinite figure."""
    wrong = torch.where(torch.isfinite(errors), errors, torch.full_like(errors, torch.inf))
    figures = {"mean": wrong.mean()} | {name: torch.quantile(wrong, q) for name, q in QUANTILES.items()}
    return {name: finite(x.item()) for name, x in figures.items()} | {"diverged": int(wrong.isinf().sum())}


def finite(x: float) -> float | None:
    """x, and None for NaN and infinities, which JSON does not have."""
    return x if torch.isfinite(torch.tensor(x)) else None


def over_seeds(values: list[float | None]) -> dict:
    """Median and quartiles over seeds; a seed that diverged counts as infinite."""
    x = torch.tensor([torch.inf if v is None else v for v in values], dtype=torch.float64)
    return {name: finite(torch.quantile(x, q).item()) for name, q in QUANTILES.items()}
