"""Lie algebras are compared here: do the generators of one group lie in the span of another's?"""

from __future__ import annotations

import torch

from lieham.groups.base import Group
from lieham.groups.translation import Translation
from lieham.typing import Tensor


def moves_freely(group: Group, others: Group) -> Tensor:
    """Return for each generator (A, b) of `others` whether `group` holds the translations along all of A's range.

    If it does, the orbital part q_cm × P of that charge is constant by itself, and so is the part about the center of
    mass.

    Args:
        group: the group that may hold translations.
        others: the group whose charges are asked about.

    Returns:
        A bool for each generator, (k,).

    Example:
        >>> from lieham.groups import make_group
        >>> from lieham.groups.algebra import moves_freely
        >>> moves_freely(make_group("SE(2)"), make_group("SO(2)"))
        tensor([True])
    """
    A, _ = others.generators()
    d = others.space_dim
    along = contains(group, Translation(d)) if group.lie_dim else torch.zeros(d, dtype=torch.bool)
    return ((A.abs().sum(2) == 0) | along).all(1)


def contains(group: Group, subgroup: Group) -> Tensor:
    """Return for each generator of `subgroup` whether it lies in the span of the generators of `group`, (k,) bool.

    Args:
        group: the group that may hold the generators.
        subgroup: the group whose generators are asked about.

    Example:
        >>> from lieham.groups import make_group
        >>> from lieham.groups.algebra import contains
        >>> contains(make_group("T(2)"), make_group("SE(2)"))
        tensor([ True,  True, False])
    """
    rows = [torch.cat([A.flatten(1), b], 1) for A, b in (group.generators(), subgroup.generators())]
    if not rows[0].numel():
        return torch.zeros(len(rows[1]), dtype=torch.bool)
    return _in_span(*rows)


def reaches_every_point(group: Group) -> bool:
    """Return whether the group's motions take a generic point in all directions: A_k x + b_k span the space.

    Every potential V(x) of a single body that such a group leaves unchanged is constant.

    Args:
        group: the group.

    Example:
        >>> from lieham.groups import make_group
        >>> from lieham.groups.algebra import reaches_every_point
        >>> [reaches_every_point(make_group(name)) for name in ("T(2)", "SE(3)", "SO(2)", "SE(2)xTrivial(1)")]
        [True, True, False, False]
    """
    A, b = group.generators()
    x = 1 + torch.arange(group.space_dim, dtype=A.dtype).sqrt()  # a generic point, where squeezes and turns act freely
    return bool(group.lie_dim) and int(torch.linalg.matrix_rank(A @ x + b)) == group.space_dim


def _in_span(basis: Tensor, rows: Tensor) -> Tensor:
    projected = rows @ torch.linalg.pinv(basis) @ basis
    return (projected - rows).norm(dim=1) <= 1e-9 * rows.norm(dim=1)


def keeps_form_in_other_units(group: Group) -> bool:
    """Return whether a change of the unit of length maps the group to itself: (A, b/ℓ) lie in its span for every ℓ.

    This is true of turns about the origin, of translations and of their products. It is false of screws, and of turns
    about another point.
    """
    A, b = group.generators()
    rows, halved = torch.cat([A.flatten(1), b], 1), torch.cat([A.flatten(1), b / 2], 1)
    return group.lie_dim == 0 or bool(_in_span(rows, halved).all())
