"""Conservation of a forecast: every charge along time, its drift, and whether the model's group promises it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lieham.certificate import Certificate, certify
from lieham.errors import InputError, expected
from lieham.forecasting import Forecast
from lieham.groups import Group, Translation, make_group
from lieham.hamiltonian import Newtonian
from lieham.integrate import Integrator
from lieham.noether import boost, boost_scale, charge_scale, contains, momentum_map, moves_freely
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

ROUND_OFF = {torch.float32: torch.finfo(torch.float32).eps, torch.float64: torch.finfo(torch.float64).eps}


@dataclass(frozen=True)
class Charge:
    """One conserved quantity along a batch of forecasts.

    `values` (batch, time); `scale` (batch,), the mean over time of its size if nothing cancelled; `model`, whether
    theory keeps it for this model and why not (see `Certificate`); `kept`, whether the integrator keeps what theory
    keeps, and `kind` the invariants it is one of: linear, quadratic, or the energy. `condition` is how much larger than
    the scale the terms are that the charge is computed from.
    """

    name: str
    values: Float[Tensor, "batch time"]
    scale: Float[Tensor, " batch"]
    model: str
    kept: bool
    kind: str
    condition: float = 1.0

    @property
    def promised(self) -> bool:
        """Whether theory keeps it for this model."""
        return self.model == "yes"

    @property
    def drift(self) -> Float[Tensor, "batch time"]:
        """|J(t) − J(0)| / scale; 0 where nothing moved."""
        change = (self.values - self.values[:, :1]).abs()
        scale = self.scale[:, None].expand_as(change)
        return torch.where(change == 0, torch.zeros_like(change), change / scale)

    def summary(self) -> dict:
        """Largest drift over systems and times, the median over systems of their largest, and the flags."""
        largest = self.drift.amax(1)
        return {
            "name": self.name,
            "max_drift": largest.max().item(),
            "median_drift": largest.median().item(),
            "final_drift": self.drift[:, -1].median().item(),
            "promised": self.promised,
            "integrator_keeps": self.kept,
        }


@dataclass(frozen=True)
class Conservation:
    """What a forecast conserves: `times` (batch, time) and one Charge for each of P, L about the origin, L about the
    centre of mass, K of the boosts, and H; `integrator` made it."""

    times: Float[Tensor, "batch time"]
    charges: tuple[Charge, ...]
    attributes: dict
    integrator: Integrator

    def __getitem__(self, name: str) -> Charge:
        """The charge of that name; InputError when there is none."""
        return self._of(lambda own: own == name, name)[0]

    def largest(self, prefix: str) -> float:
        """The largest drift of all charges whose name starts with `prefix`; InputError when there is none."""
        return max(c.drift.max().item() for c in self._of(lambda own: own.startswith(prefix), prefix))

    def _of(self, wanted: Callable[[str], bool], asked: str) -> list[Charge]:
        found = [charge for charge in self.charges if wanted(charge.name)]
        if not found:
            raise expected("charge", f"one of {', '.join(c.name for c in self.charges)}", repr(asked))
        return found

    def certificate(self, name: str) -> Certificate:
        """What holds this charge, the growth law of its drift, and what is to blame for it."""
        charge = self[name]
        holds = charge.model, charge.kept, self._keeps(charge)
        return certify(*holds, charge.drift, self.times, self.round_off, charge.condition)

    def _keeps(self, charge: Charge) -> str:
        if charge.kind == "energy":
            return "bounds H" if self.integrator.symplectic else "keeps none"
        return f"keeps {charge.kind}" if charge.kept else "keeps none"

    def summary(self) -> dict:
        """JSON-able: the settings of the forecast and one row a charge, its certificate with it."""
        rows = [charge.summary() | asdict(self.certificate(charge.name)) for charge in self.charges]
        return {**self.attributes, "charges": rows}

    def plot(self, path: str | Path) -> Path:
        """Draw the drift of every charge against time, on a log axis with a round-off line, into a PNG file."""
        from lieham import plotting

        return plotting.plot_drift(self.times, {c.name: c.drift for c in self.charges}, path, self.round_off)

    @property
    def round_off(self) -> float:
        """Machine epsilon of the forecast's precision."""
        return ROUND_OFF[self.times.dtype]

    def __str__(self) -> str:
        head = f"{'charge':<8} {'max drift':>10} {'median':>9}  {'growth':<9} {'model':<14} {'integrator':<16} blame"
        rows = [
            f"{r['name']:<8} {r['max_drift']:>10.1e} {r['median_drift']:>9.1e}  {r['growth']:<9} {r['model']:<14} "
            f"{r['integrator']:<16} {r['blame'] or '-'}"
            for r in self.summary()["charges"]
        ]
        return "\n".join([head, *rows, f"precision: round-off is {self.round_off:.1e}"])


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
