"""A uniform field breaks a symmetry; the motions of a group that leave its potential unchanged form a subgroup."""

from __future__ import annotations

import torch

from lieham.groups.base import Group
from lieham.groups.custom import CustomGroup, echelon
from lieham.groups.translation import Trivial
from lieham.typing import Bool, Float, Tensor

ROUNDING = 32.0
"""A component of a direction counts as 0 where it is at most this many units of round-off of its length."""


def leaves_height(group: Group, g: Float[Tensor, " d"]) -> Bool[Tensor, " k"]:
    """Return for each generator x ↦ A x + b of a group whether the height g·x of every point stays the same.

    It does where Aᵀg = 0 and g·b = 0: turns about the axis of g, and translations across it.

    Args:
        group: the group whose generators are asked about.
        g: the direction, of any length; all motions leave the height along 0 unchanged.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.groups.subgroup import leaves_height
        >>> leaves_height(make_group("SE(3)"), torch.tensor([0.0, 0.0, 1.0])).tolist()
        [True, True, False, False, False, True]
    """
    turned, size, small = _changes(group, g)
    return (turned.abs() <= small * size).all(1)


def keeps_height(group: Group, g: Float[Tensor, " d"]) -> bool:
    """Return whether all motions of a group leave the height g·x of every point unchanged, reflections included.

    Args:
        group: the group that is asked about.
        g: the direction, of any length.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.groups.subgroup import keeps_height
        >>> [keeps_height(make_group(name), torch.tensor([0.0, 1.0])) for name in ("T(1)xTrivial(1)", "T(1)xO(1)")]
        [True, False]
    """
    small = ROUNDING * torch.finfo(g.dtype).eps * g.norm()
    return bool(leaves_height(group, g).all()) and bool((g[list(group.reflections)].abs() <= small).all())


def subgroup_keeping_height(group: Group, g: Float[Tensor, " d"]) -> Group:
    """Return the subgroup of the motions that leave the height g·x of every point unchanged.

    Args:
        group: the group.
        g: the direction, of any length.

    Returns:
        The group itself where all of its motions do, `Trivial(d)` where none does, and otherwise a `CustomGroup`, which
        holds no mirror images. Its generators have the names that they have in the group, or J_0, J_1, ... where they
        are combinations.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.groups.subgroup import subgroup_keeping_height
        >>> subgroup_keeping_height(make_group("SE(3)"), torch.tensor([0.0, 0.0, -9.8])).charges
        ('P_x', 'P_y', 'L_z')
    """
    if keeps_height(group, g):
        return group
    if not group.lie_dim:
        return Trivial(group.space_dim)
    turned, size, small = _changes(group, g)
    rows = torch.where(turned.abs() <= small * size, torch.zeros_like(turned), turned)
    _, S, V = torch.linalg.svd(rows.mT, full_matrices=True)
    rank = int((small * S[0] < S).sum())
    if rank == group.lie_dim:
        return Trivial(group.space_dim)
    basis = echelon(V[rank:])
    A, b = group.generators()
    names = [_name(group, row, k) for k, row in enumerate(basis)]
    parts = ", ".join(f"{x:.3g}" for x in g.tolist())
    return CustomGroup(
        f"{group.name} that keeps ({parts})·q",
        torch.einsum("jk,kab->jab", basis, A),
        basis @ b,
        pair_coordinates=group.pair_coordinates,  # what the group keeps, its subgroups keep
        charges=names,
    )


def _changes(group: Group, g: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return (Aᵀĝ, ĝ·b) of every generator, (k, d + 1), the generators' sizes (k, 1), and what counts as 0."""
    small = ROUNDING * torch.finfo(g.dtype).eps
    g = g.detach().cpu().double()
    g = g / g.norm().clamp(min=torch.finfo(g.dtype).tiny)
    A, b = group.generators()
    changes = torch.cat([torch.einsum("kij,i->kj", A, g), (b @ g)[:, None]], 1)
    return changes, torch.cat([A.flatten(1), b], 1).norm(dim=1, keepdim=True), small


def _name(group: Group, row: Float[Tensor, " k"], number: int) -> str:
    """Return the name of the charge of a combination of generators, which is that of its only one, where it has one."""
    (present,) = row.nonzero(as_tuple=True)
    return group.charges[int(present[0])] if len(present) == 1 else f"J_{number}"
