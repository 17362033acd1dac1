"""Momentum maps compute the charges that Noether's theorem attaches to a group, from its generators alone."""

from __future__ import annotations

import torch

from lieham.errors import check_choice
from lieham.groups import Group, make_group
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor

ABOUT = ("origin", "centre_of_mass")


def centre_of_mass(state: PhaseState, bodies: Bodies) -> PhaseState:
    """Compute the centre of mass, q_cm = Σ m_i q_i / M, and the total momentum, P = Σ p_i, over the real bodies.

    Args:
        state: q and p, (*batch, n, d).
        bodies: their masses and padding mask.

    Returns:
        (q_cm, P), each (*batch, 1, d), so that they can be subtracted from q and p.
    """
    mass = (bodies.mass * bodies.mask)[..., None]
    q = (mass * state.q).sum(-2, keepdim=True) / mass.sum(-2, keepdim=True)
    return PhaseState(q, (state.p * bodies.mask[..., None]).sum(-2, keepdim=True))


def centre_of_mass_frame(state: PhaseState, bodies: Bodies) -> PhaseState:
    """Return the state as seen from the centre of mass, (q_i − q_cm, p_i − (m_i/M) P)."""
    q, p = centre_of_mass(state, bodies)
    mass = (bodies.mass * bodies.mask)[..., None]
    return PhaseState(state.q - q, state.p - mass / mass.sum(-2, keepdim=True) * p)


def momentum_map(
    group: str | Group, state: PhaseState, bodies: Bodies, about: str = "origin"
) -> Float[Tensor, "*batch k"]:
    """Compute the charges J_k = Σ_i p_i · (A_k q_i + b_k), one for each generator x ↦ A_k x + b_k of a group.

    This is the momentum map of the group's cotangent lift (Marsden and Ratiu, Introduction to Mechanics and Symmetry,
    section 11.4): P = Σ p_i from T(d), L = Σ q_i × p_i from SO(d).

    Args:
        group: the group whose generators are taken, or its name.
        state: q and p, (*batch, n, d).
        bodies: their masses and padding mask.
        about: "origin", or "centre_of_mass" for the A q part in the frame of the centre of mass. The latter is the spin
            part of L, which does not grow with the distance from the origin; the orbital part is L − spin = q_cm × P.

    Returns:
        The charges in the order of `group.charges`, (*batch, k).

    Raises:
        InputError: if `about` is neither.

    Example:
        >>> import torch, lieham
        >>> state = lieham.PhaseState(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 4.0]]))
        >>> bodies = lieham.Bodies.of(torch.ones(2))
        >>> group = lieham.make_group("SE(2)")
        >>> dict(zip(group.charges, lieham.momentum_map(group, state, bodies).tolist()))
        {'P_x': 0.0, 'P_y': 6.0, 'L': 14.0}
        >>> lieham.momentum_map(group, state, bodies, about="centre_of_mass")[-1].item()
        2.0
    """
    check_choice("about", about, ABOUT)
    A, b = make_group(group).generators(state.q.dtype, state.q.device)
    frame = centre_of_mass_frame(state, bodies) if about == "centre_of_mass" else state
    p = state.p * bodies.mask[..., None]
    return torch.einsum("...ni,kij,...nj->...k", frame.p * bodies.mask[..., None], A, frame.q) + torch.einsum(
        "...ni,ki->...k", p, b
    )


def charge_scale(group: Group, state: PhaseState, bodies: Bodies, about: str = "origin") -> Float[Tensor, "*batch k"]:
    """Compute the size of each charge if nothing cancelled: Σ|p_i| for P, Σ|q_i × p_i| for L.

    In general it is Σ_i |p_i · A_k q_i| + |p_i| |b_k|.

    Args:
        group: the group whose generators are taken.
        state: q and p, (*batch, n, d).
        bodies: their masses and padding mask.
        about: "origin" or "centre_of_mass", as in `momentum_map`.

    Returns:
        One size a charge, (*batch, k).

    Raises:
        InputError: if `about` is neither.
    """
    check_choice("about", about, ABOUT)
    A, b = group.generators(state.q.dtype, state.q.device)
    frame = centre_of_mass_frame(state, bodies) if about == "centre_of_mass" else state
    real = bodies.mask.to(state.q.dtype)
    rotating = torch.einsum("...ni,kij,...nj->...nk", frame.p, A, frame.q).abs()
    moving = state.p.norm(dim=-1)[..., None] * b.norm(dim=-1)
    return ((rotating + moving) * real[..., None]).sum(-2)


def boost(state: PhaseState, bodies: Bodies, t: Float[Tensor, "*#batch"]) -> Float[Tensor, "*batch d"]:
    """Compute K = M q_cm − t P = Σ_i m_i q_i − t Σ_i p_i, the charge of Galilean boosts.

    Its flow shifts q by −t and p by m, so it depends on time. dK/dt = 0 says that the centre of mass moves uniformly,
    which holds where P is conserved and velocities are p/m (Marsden and Ratiu, section 12.3).

    Args:
        state: q and p, (*batch, n, d).
        bodies: their masses and padding mask.
        t: time since the start.

    Returns:
        One charge an axis, (*batch, d).
    """
    mass = (bodies.mass * bodies.mask)[..., None]
    return (mass * state.q).sum(-2) - t[..., None] * (state.p * bodies.mask[..., None]).sum(-2)


def boost_scale(state: PhaseState, bodies: Bodies, t: Float[Tensor, "*#batch"]) -> Float[Tensor, "*batch"]:
    """Compute the size of K if nothing cancelled, Σ_i m_i |q_i| + |t| Σ_i |p_i|.

    Args:
        state: q and p, (*batch, n, d).
        bodies: their masses and padding mask.
        t: time since the start.
    """
    real = bodies.mask.to(state.q.dtype)
    return (bodies.mass * real * state.q.norm(dim=-1)).sum(-1) + t.abs() * (state.p.norm(dim=-1) * real).sum(-1)
