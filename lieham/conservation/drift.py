"""Conservation of a forecast: every charge along time, its drift, and whether the model's group promises it."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from lieham.conservation.charges import Charge, Conservation
from lieham.conservation.momentum import boost, boost_scale, charge_scale, momentum_map
from lieham.dynamics.separable import Newtonian
from lieham.errors import InputError
from lieham.forecasting import Forecast
from lieham.groups import Group, Translation, make_group
from lieham.groups.algebra import contains, moves_freely
from lieham.state import PhaseState
from lieham.typing import Tensor


@torch.no_grad()
def conservation(forecast: Forecast, group: str | Group | None = None) -> Conservation:
    """Every charge of `group` along a forecast, from the group's generators, and the energy.

    By default the group is SE(d) in 2 and 3 dimensions and T(d) in others, whatever the model's own group is: so a
    model without the symmetry is seen to violate it; charges of the model's group that are not among its own follow
    (L_z + c P_z of the screws). A charge is promised when its generator is in the span of the model's group and
    keeps lengths, since K = Σ|p|²/2m must be invariant too: scalings promise nothing. The charges K_x, ... of the
    boosts are promised where P is and the kinetic energy is Newton's.

    P is measured relative to Σ|p_i|, L to Σ|q_i × p_i|, boosts to Σ m_i|q_i| + |t| Σ|p_i|, each averaged over time, H
    relative to the mean kinetic energy (the zero of a learned potential means nothing). L is given about the origin
    (`L`) and about the centre of mass (`L_cm`): the former carries the round-off of q_cm × P, which grows as the system
    drifts off (see `noether.momentum_map`).

    Raises InputError for a group of another dimension.
    """
    trajectory, d = forecast.trajectory, forecast.trajectory.dim
    extra: tuple[Charge, ...] = ()
    if group is None:
        group = make_group(f"SE({d})") if d in (2, 3) else Translation(d)
        extra = _own(forecast, group)
    group = make_group(group)
    if group.space_dim != d:
        raise InputError(f"group must act on {d} dimensions like the forecast, got {group}")
    charges = (*_momenta(forecast, group), *extra, *_boosts(forecast, group), _energy(forecast))
    return Conservation(trajectory.times, charges, forecast.attributes, forecast.integrator)


def _symmetry(forecast: Forecast, group: Group) -> list[str]:
    """What the model promises of each generator of `group`."""
    exact = getattr(forecast.model, "exact", True)
    answers = []
    for declared, isometry in zip(contains(forecast.group, group), group.isometries, strict=True):
        reason = ("yes" if exact else "on average") if isometry else "no: changes K"
        answers.append(reason if declared else "no")
    return answers


def _newtonian(forecast: Forecast) -> bool:
    """Whether velocities are p/m, so that the centre of mass moves with P/M."""
    return isinstance(getattr(forecast.model, "kinetic", None), Newtonian)


def _momenta(forecast: Forecast, group: Group) -> Iterable[Charge]:
    states, bodies = forecast.trajectory.states(), forecast.trajectory.bodies.over_time()
    model = _symmetry(forecast, group)
    alone = moves_freely(forecast.group, group).tolist()
    A, _ = group.generators()
    turning = (A.abs().sum((1, 2)) > 0).tolist()
    far = (states.q.norm(dim=-1) * states.p.norm(dim=-1) * bodies.mask).sum(-1).mean(-1)
    sizes = charge_scale(group, states, bodies).mean(-2) + far[:, None] * A.flatten(1).norm(dim=1).to(far)
    for about in ("origin", "centre_of_mass"):
        values = momentum_map(group, states, bodies, about)
        scales = charge_scale(group, states, bodies, about).mean(-2)
        condition = (sizes / scales).nan_to_num(1.0, 1.0).amax(0).tolist()
        for k, name in enumerate(group.charges):
            kind = "quadratic" if turning[k] else "linear"
            kept = forecast.integrator.keeps_quadratic if turning[k] else forecast.integrator.keeps_linear
            if about == "origin":
                yield Charge(name, values[..., k], scales[..., k], model[k], kept, kind, condition[k])
            elif turning[k]:
                symmetry = model[k] if alone[k] and _newtonian(forecast) else "no"
                yield Charge(_about_centre(name), values[..., k], scales[..., k], symmetry, kept, kind, condition[k])


def _boosts(forecast: Forecast, group: Group) -> Iterable[Charge]:
    """K along each axis that `group` moves along."""
    x, d = forecast.trajectory, group.space_dim
    asked = contains(group, Translation(d)) if group.lie_dim else torch.zeros(d, dtype=torch.bool)
    t = x.times - x.times[:, :1]
    bodies = x.bodies.over_time()
    values, scale = boost(x.states(), bodies, t), boost_scale(x.states(), bodies, t).mean(-1)
    model = _symmetry(forecast, Translation(d))
    for k, name in enumerate(Translation(d).charges):
        if asked[k]:
            promised, kept = model[k] if _newtonian(forecast) else "no", forecast.integrator.keeps_linear
            yield Charge(name.replace("P", "K"), values[..., k], scale, promised, kept, "linear")


def _own(forecast: Forecast, others: Group) -> tuple[Charge, ...]:
    """The charges of the model's group whose generators are none of `others`, about the origin."""
    A, b = forecast.group.generators()
    there = torch.cat([x.flatten(1) for x in others.generators()], 1)
    new = [not (there == torch.cat([x.flatten(), y])).all(1).any() for x, y in zip(A, b, strict=True)]
    about_origin = list(_momenta(forecast, forecast.group))[: len(new)]
    return tuple(charge for charge, is_new in zip(about_origin, new, strict=True) if is_new)


def _about_centre(name: str) -> str:
    head, *axis = name.split("_")
    return "_".join([head, "cm", *axis])


def _energy(forecast: Forecast) -> Charge:
    trajectory = forecast.trajectory
    energy, kinetic = zip(
        *(_energies(forecast, trajectory, t) for t in range(0, trajectory.times.shape[-1], 64)), strict=True
    )
    scale = torch.cat(kinetic, -1).mean(-1)
    return Charge("H", torch.cat(energy, -1), scale, "yes", False, "energy")


def _energies(forecast: Forecast, trajectory, start: int) -> tuple[Tensor, Tensor]:
    piece = trajectory.window(start, min(64, trajectory.times.shape[-1] - start))
    bodies, states = piece.bodies.over_time(), PhaseState(piece.q, piece.p)
    momentum = piece.p.square().sum(-1) / (2 * bodies.mass) * bodies.mask
    return forecast.model.energy(states, bodies), momentum.sum(-1)
