"""Forces at points: the derivatives of all columns there, and their equations where the forces are known."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lieham.data.windows import WindowBatch
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.dictionary import Columns
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor

CHUNK = 2_000_000
"""About how many numbers a tensor of pairs, functions and directions holds: more would leave the cache."""
PART = 20_000_000
"""About how many numbers the forces of all columns at the points of some windows hold: 160 MB."""


def force_rows(
    model: Hamiltonian, dictionary: Dictionary, x: WindowBatch, loss: ShootingLoss, columns: Columns
) -> Iterator[tuple[Float[Tensor, "b rows columns"], Float[Tensor, "b rows"]]]:
    """Yield the equations −Σ θ ∂Φ/∂q = F at the points, about the θ that the model has, in units of the loss.

    The rows of a window are those of its first body, of its second, and so on.

    Args:
        model: the model whose coefficients are sought.
        dictionary: its dictionary.
        x: windows whose forces F are known, (b, t, n, d).
        loss: the loss, which holds the units.
        columns: the columns.
    """
    size = max(1, PART // (x.q.shape[1:].numel() * (columns.mixing.shape[1] * len(columns.chosen) + 1)))
    for k in range(0, len(x), size):
        part = x[k : k + size]
        weight = part.bodies.mask[:, None, :, None] / loss.scales(part).p
        rest = model.field(part.bodies.over_time())(part.q.new_zeros(()), part.states()).p
        assert part.forces is not None, "a part of such windows"
        y = ((part.forces - rest) * weight).double()
        A = derivatives(dictionary, part.states(), part.bodies, columns, 0).mul_(-weight[..., None])
        yield A.movedim(2, 1).flatten(1, 3), y.movedim(2, 1).flatten(1, 3)


def derivatives(
    dictionary: Dictionary, nodes: PhaseState, bodies: Bodies, columns: Columns, along: int
) -> Float[Tensor, "b s n d c"]:
    """Return the derivatives of every column Φ, some windows at a time.

    Args:
        dictionary: the functions.
        nodes: states at the nodes of quadrature, (b, s, n, d).
        bodies: the bodies of the windows, (b, n).
        columns: the columns wanted.
        along: 0 for ∂Φ/∂q, 1 for ∂Φ/∂p.
    """
    if not len(columns.chosen) and not columns.singles:
        return nodes.q.new_zeros(*nodes.q.shape, 0).double()
    size = max(1, CHUNK // (nodes.q.shape[1] * dictionary.work(*nodes.q.shape[-2:])))
    done = []
    for k in range(0, len(nodes.q), size):
        part = PhaseState(*(x[k : k + size] for x in nodes))
        there = bodies.map(lambda y, k=k: y[k : k + size]).over_time()
        found = dictionary.derivatives(part, there, (columns.chosen, columns.mixing), along).flatten(-2)
        if columns.singles:
            found = torch.cat([found, dictionary.derivatives_of_singles(part, there, along)], -1)
        done.append(found.double())
    return done[0] if len(done) == 1 else torch.cat(done)
