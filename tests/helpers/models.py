"""Every model in `cases.MODELS` with bodies in its space."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.cases import DTYPES, MODELS, SAMPLED, TOLERANCE, cloud, make_model

models = pytest.mark.parametrize("name", MODELS)
every_model = pytest.mark.parametrize("name", MODELS | SAMPLED)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda x: str(x).removeprefix("torch."))
MOVABLE = [name for name in MODELS if " " in name and name.split("(")[0] in ("T", "SE") and "x" not in name.split()[0]]
"""Those whose group moves the origin."""
ZERO = torch.zeros(())


def setting(name: str, dtype=torch.float64, **sizes):
    """A model of MODELS and bodies in its space: (model, q, p, bodies)."""
    model = make_model(name, dtype)
    return model, *cloud(model.group.space_dim, dtype=dtype, **sizes)


def close(got, want, dtype, scale=1.0):
    """Equal to within round-off of the largest entry."""
    size = max(want.abs().max().item(), 1e-3)
    torch.testing.assert_close(got, want, rtol=0, atol=TOLERANCE[dtype] * size * scale)
