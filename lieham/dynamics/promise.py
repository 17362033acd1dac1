"""A promise is what a model says of one conserved quantity, and why."""

from __future__ import annotations

from dataclasses import dataclass

YES, NO, CHANGES_K, ON_AVERAGE = VERDICTS = ("yes", "no", "no: changes K", "on average")
"""The verdicts mean: the flow keeps the charge; it does not; only V has the symmetry; only the mean over draws does."""

MOMENTUM, SPIN, BOOST, ENERGY = PARTS = ("momentum", "spin", "boost", "energy")
"""Parts are J = Σ p·(A q + b) of a generator, that about the centre of mass, M q_cm − t P along an axis, and H."""


@dataclass(frozen=True)
class Promise:
    """A promise says what theory says of one charge along the exact flow of a model, whatever its weights are.

    Args:
        charge: the name that reports give it, such as P_x, L, L_cm, K_x or H.
        verdict: one of `VERDICTS`.
        why: the reason, in one sentence.
        part: one of `PARTS`, which says how the charge is measured.
        index: the generator of the group, or the axis of a boost, that it belongs to.
    """

    charge: str
    verdict: str
    why: str
    part: str = MOMENTUM
    index: int = 0

    @property
    def kept(self) -> bool:
        """This is True if theory keeps the charge for this model, to round-off and not on average alone."""
        return self.verdict == YES


def spin_name(charge: str) -> str:
    """Return the name of a charge's part about the centre of mass: L_cm for L, L_cm_z for L_z."""
    head, *axis = charge.split("_")
    return "_".join([head, "cm", *axis])
