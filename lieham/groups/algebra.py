"""Which generators a group holds: spans of the Lie algebra, compared by linear algebra."""

from __future__ import annotations

import torch

from lieham.groups.base import Group
from lieham.groups.translation import Translation
from lieham.typing import Tensor


def moves_freely(group: Group, others: Group) -> Tensor:
    """For each generator (A, b) of `others`, whether `group` holds the translations along all of A's range: (k,) bool.

    Then the orbital part q_cm × P of that charge is constant by itself, and so is the part about the centre of mass.
    """
    A, _ = others.generators()
    d = others.space_dim
    along = contains(group, Translation(d)) if group.lie_dim else torch.zeros(d, dtype=torch.bool)
    return ((A.abs().sum(2) == 0) | along).all(1)


def contains(group: Group, subgroup: Group) -> Tensor:
    """For each generator of `subgroup`, whether it lies in the span of the generators of `group`: (k,) bool."""
    rows = [torch.cat([A.flatten(1), b], 1) for A, b in (group.generators(), subgroup.generators())]
    if not rows[0].numel():
        return torch.zeros(len(rows[1]), dtype=torch.bool)
    return _in_span(*rows)


def _in_span(basis: Tensor, rows: Tensor) -> Tensor:
    projected = rows @ torch.linalg.pinv(basis) @ basis
    return (projected - rows).norm(dim=1) <= 1e-9 * rows.norm(dim=1)


def keeps_form_in_other_units(group: Group) -> bool:
    """Whether a change of the unit of length maps the group to itself: (A, b/ℓ) lie in its span for every ℓ.

    True of all turns about the origin, translations and their products; not of screws, nor of turns about a point
    elsewhere.
    """
    A, b = group.generators()
    rows, halved = torch.cat([A.flatten(1), b], 1), torch.cat([A.flatten(1), b / 2], 1)
    return group.lie_dim == 0 or bool(_in_span(rows, halved).all())
