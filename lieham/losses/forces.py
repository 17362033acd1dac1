"""The loss of data whose forces are known at the points: the model's forces there are compared with them."""

from __future__ import annotations

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError
from lieham.losses.shooting import ShootingLoss
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor


class ForceLoss(ShootingLoss):
    """A loss that is the mean over bodies and points of |F̂ − F|²/s_F², where F̂ = −∂V/∂q is the model's force.

    s_F is the root mean square of the forces of the training data, times the size of a body's own where those are of
    another magnitude, so that no force at all has a loss of about 1. Nothing is integrated. Times and momenta do not
    count.

    Args:
        method: the name of an integrator, which is not used.
        compile: True if torch.compile is to compile the force.
    """

    reads_points = True

    def __init__(self, method: str, compile: bool = False):
        super().__init__(1, method, 1, compile)
        self.refinable = False

    def calibrate(self, windows: Trajectory) -> None:
        """Measure s_F; raise InputError where all forces are 0."""
        assert windows.forces is not None, "data without forces have another loss"
        real = windows.bodies.mask[:, None, :, None].to(windows.q.dtype).expand_as(windows.q)
        scale = ((windows.forces.square() * real).sum() / real.sum()).sqrt()
        if not bool(scale > 0):
            raise InputError("forces of the training data must differ from 0, got 0 for all")
        self.scale_p.copy_(scale)

    def left(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, "b t n d"]:
        """Return what the model leaves of the forces, F − F̂, in units of s_F."""
        assert windows.forces is not None, "data without forces have another loss"
        field = model.field(windows.bodies.over_time())
        field = field.compiled() if self.compile_field else field
        found = field(windows.q.new_zeros(()), PhaseState(windows.q, windows.p)).p
        return (windows.forces - found) / self.scales(windows).p

    def _squares(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, "b s k n d"]:
        return self.left(model, windows).square()[:, None]
