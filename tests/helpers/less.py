"""Exact windows of a law, and generators."""

from __future__ import annotations

import torch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(law, n=20, seed=0):
    return law.benchmark(n, seed, n_test=0, method="exact").train
