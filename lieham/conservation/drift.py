"""`conservation` follows every charge along a forecast, and compares its drift with the model's promise."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lieham.conservation.charges import Charge, Conservation
from lieham.conservation.evidence import Evidence, examine
from lieham.conservation.momentum import boost, boost_scale, charge_scale, momentum_map
from lieham.dynamics.promise import BOOST, MOMENTUM, SPIN, Promise
from lieham.errors import InputError, check_offers
from lieham.forecasting import Forecast
from lieham.groups import Group, Translation, make_group
from lieham.state import PhaseState
from lieham.typing import Tensor

CHUNK = 64
"""The energies of this many times are evaluated together."""


@torch.no_grad()
def conservation(forecast: Forecast, group: str | Group | None = None) -> Conservation:
    """Measure the drift of every charge of a group along a forecast, and of the energy.

    The charges are J = Σ p·(A q + b) for each generator x ↦ A x + b of the group; L about the centre of mass; the
    charge K = M q_cm − t P of the boosts; and H. The model itself says which of them it keeps and why
    (`Hamiltonian.promises`), and the integrator says whether it keeps linear and quadratic invariants.

    P is measured relative to Σ|p_i|, L to Σ|q_i × p_i|, K to Σ m_i|q_i| + |t| Σ|p_i|, each averaged over time; H is
    measured relative to the mean of Σ|p|²/2m, since the zero of a learned potential means nothing. L about the origin
    carries the round-off of q_cm × P, which grows as the system drifts off; L_cm does not (see `momentum_map`).

    Args:
        forecast: the rollout, with its model and integrator.
        group: the group whose charges are asked for. By default it is SE(d) in 2 and 3 dimensions and T(d) in others,
            whatever the model declares, so that a model without the symmetry is seen to violate it; charges that the
            model declares beyond these follow, such as L_z + c P_z of the screws.

    Returns:
        The report, one charge a row.

    Raises:
        InputError: if the argument is no forecast, and if the group acts on a space of another dimension than the
            forecast's.

    Example:
        >>> import lieham, systems
        >>> start = systems.Springs(3).generate(2, 0, 0, points=2).train
        >>> model = lieham.HLieConv("SE(2)", 1, width=8)
        >>> report = lieham.conservation(lieham.forecast(model, start, steps=5))
        >>> [charge.name for charge in report.charges]
        ['P_x', 'P_y', 'L', 'L_cm', 'K_x', 'K_y', 'H']
        >>> report.largest("P") < 1e-13, report.largest("L") < 1e-13
        (True, True)
    """
    check_offers("forecast", forecast, "what lieham.forecast makes", ("trajectory", "model", "integrator"))
    d = forecast.trajectory.dim
    default = group is None
    asked = make_group(group or (f"SE({d})" if d in (2, 3) else Translation(d)))
    if asked.space_dim != d:
        raise InputError(f"group must act on {d} dimensions like the forecast, got {asked}")

    def values(paths: Forecast) -> dict[str, Tensor]:
        return {charge.name: charge.values for charge in _charges(paths, asked, default)}

    def examined(systems: list[int]) -> Evidence | None:
        with torch.no_grad():
            return examine(forecast, systems, values)

    charges = _charges(forecast, asked, default)
    times = forecast.trajectory.times
    return Conservation(times, charges, forecast.attributes, forecast.integrator, examined)


def _charges(forecast: Forecast, group: Group, default: bool) -> tuple[Charge, ...]:
    """Return all charges; those that the model declares beyond the group are among them where `default` is True."""
    extra = _declared_beyond(forecast, group) if default else ()
    promises = forecast.model.promises(group, forecast.trajectory.bodies)
    return (*_momenta(forecast, group, promises), *extra, *_boosts(forecast, promises), _energy(forecast, promises))


def _momenta(forecast: Forecast, group: Group, promises: tuple[Promise, ...]) -> Iterator[Charge]:
    """Yield the charges of the generators, and their parts about the centre of mass."""
    states, bodies = forecast.trajectory.states(), forecast.trajectory.bodies.over_time()
    A, _ = group.generators()
    turning = (A.abs().sum((1, 2)) > 0).tolist()
    far = (states.q.norm(dim=-1) * states.p.norm(dim=-1) * bodies.mask).sum(-1).mean(-1)
    sizes = charge_scale(group, states, bodies).mean(-2) + far[:, None] * A.flatten(1).norm(dim=1).to(far)
    for part, about in ((MOMENTUM, "origin"), (SPIN, "centre_of_mass")):
        values = momentum_map(group, states, bodies, about)
        scales = charge_scale(group, states, bodies, about).mean(-2)
        condition = (sizes / scales).nan_to_num(1.0, 1.0).amax(0).tolist()
        for promise in _of(part, promises):
            k = promise.index
            kind = "quadratic" if turning[k] else "linear"
            kept = forecast.integrator.keeps_quadratic if turning[k] else forecast.integrator.keeps_linear
            yield Charge(promise, values[..., k], scales[..., k], kept, kind, condition[k])


def _boosts(forecast: Forecast, promises: tuple[Promise, ...]) -> Iterator[Charge]:
    """Yield K along each axis that it was asked for."""
    x = forecast.trajectory
    t, bodies = (x.times - x.times[:, :1]).to(x.q.dtype), x.bodies.over_time()
    values, scale = boost(x.states(), bodies, t), boost_scale(x.states(), bodies, t).mean(-1)
    for promise in _of(BOOST, promises):
        yield Charge(promise, values[..., promise.index], scale, forecast.integrator.keeps_linear, "linear")


def _declared_beyond(forecast: Forecast, others: Group) -> tuple[Charge, ...]:
    """Return the charges about the origin that the model declares and whose generators are none of `others`."""
    group = forecast.group
    A, b = group.generators()
    there = torch.cat([x.flatten(1) for x in others.generators()], 1)
    new = [not (there == torch.cat([x.flatten(), y])).all(1).any() for x, y in zip(A, b, strict=True)]
    promises = _of(MOMENTUM, forecast.model.promises(group, forecast.trajectory.bodies))
    return tuple(_momenta(forecast, group, tuple(x for x in promises if new[x.index])))


def _of(part: str, promises: tuple[Promise, ...]) -> list[Promise]:
    return [promise for promise in promises if promise.part == part]


def _energy(forecast: Forecast, promises: tuple[Promise, ...]) -> Charge:
    """Return H along the forecast; every Hamiltonian promises it last."""
    points = forecast.trajectory.times.shape[-1]
    pieces = (_energies(forecast, first) for first in range(0, points, CHUNK))
    energy, kinetic = zip(*pieces, strict=True)
    scale = torch.cat(kinetic, -1).mean(-1)
    return Charge(promises[-1], torch.cat(energy, -1), scale, False, "energy")


def _energies(forecast: Forecast, start: int) -> tuple[Tensor, Tensor]:
    """Return H and Σ|p|²/2m at the times from index `start` on, (batch, time) each."""
    trajectory = forecast.trajectory
    piece = trajectory.window(start, min(CHUNK, trajectory.times.shape[-1] - start))
    bodies, states = piece.bodies.over_time(), PhaseState(piece.q, piece.p)
    momentum = piece.p.square().sum(-1) / (2 * bodies.mass) * bodies.mask
    return forecast.model.energy(states, bodies), momentum.sum(-1)
