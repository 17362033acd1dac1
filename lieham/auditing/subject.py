"""A subject is what an audit examines: a function of configurations, with side inputs and the way they move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from lieham.dynamics.base import every_generator
from lieham.errors import expected
from lieham.groups import Group
from lieham.typing import Bool, Float, Tensor

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Subject:
    """A subject is a function of configurations (b, n, d); it holds its own copy of any module.

    Args:
        name: how the report calls it.
        function: takes q, or q and p where `kind` is "H", and side inputs by name; gives (b,), or a force (b, n, d).
        kind: "H", "V" or "force".
        dim: the dimension d of space.
        n: number of bodies in a configuration.
        inputs: side inputs of one system: (n, ...) for each body, (n, n, ...) for each pair, else for the whole.
        moves: how each follows a motion; one of `config.MOVES`.
        takes_mask: whether the function takes a padding mask (b, n), and so can be given padded bodies.
        batched: whether it takes batches; False for single systems (n, d).
        separable: whether the force depends on q alone.
        dtype: precision of the configurations.
        length: size of the configurations.
        momentum: size of the momenta.
        positive: whether coordinates are to be positive, as squeezes need it.
        shares: for each generator of a declared symmetry, whether H has it; it has not if only V has it, because the
            motion changes K.
        low: returns the subject in the dtype asked for, its weights rounded to float32; None where it has none.
        redraw: draws the subject's random parts anew; None where it draws nothing.
        field: the field that is integrated, of the arguments of `function`; None where it has none.
        potential: V alone, where H = K(p) + V(q).
        reach: every second configuration is up to this many times larger.
        differences: whether slopes are central differences, since torch cannot differentiate the function.
    """

    name: str
    function: Function
    kind: str
    dim: int
    n: int
    inputs: dict[str, Tensor] = field(default_factory=dict)
    moves: dict[str, str] = field(default_factory=dict)
    takes_mask: bool = False
    batched: bool = True
    separable: bool = True
    dtype: torch.dtype = torch.float64
    length: float = 1.0
    momentum: float = 1.0
    positive: bool = False
    shares: Callable[[Group], Tensor] = every_generator
    low: Callable[[torch.dtype], Subject] | None = None
    redraw: Callable[[torch.Generator], None] | None = None
    field: Callable[..., tuple[Tensor, Tensor]] | None = None
    potential: Subject | None = None
    reach: float = 1.0
    differences: bool = False

    def __call__(
        self,
        q: Float[Tensor, "b n d"],
        p: Float[Tensor, "b n d"] | None = None,
        inputs: dict[str, Tensor] | None = None,
        mask: Bool[Tensor, "b n"] | None = None,
    ) -> Tensor:
        """Evaluate the function on a batch.

        Args:
            q: positions.
            p: momenta, where `kind` is "H".
            inputs: side inputs (b, ...), by default those of the subject.
            mask: True for real bodies, by default for all.

        Returns:
            H or V, (b,), or the force, (b, n, d).

        Raises:
            InputError: if the function gives another shape.
        """
        inputs = self.expanded(len(q)) if inputs is None else inputs
        if self.takes_mask:
            inputs = inputs | {"mask": torch.ones(q.shape[:-1], dtype=torch.bool) if mask is None else mask}
        arguments = (q, p) if p is not None and self.kind == "H" else (q,)
        value = self.function(*arguments, **inputs) if self.batched else self._one_by_one(arguments, inputs)
        wanted = q.shape if self.kind == "force" else q.shape[:1]
        if value.shape != wanted:
            raise expected(self.name, f"a function of q {tuple(q.shape)} to {tuple(wanted)}", tuple(value.shape))
        return value

    def _one_by_one(self, arguments: tuple[Tensor, ...], inputs: dict[str, Tensor]) -> Tensor:
        rows = range(len(arguments[0]))
        values = [self.function(*(x[k] for x in arguments), **{i: x[k] for i, x in inputs.items()}) for k in rows]
        return torch.stack(values)

    def expanded(self, batch: int) -> dict[str, Tensor]:
        """Return the side inputs of `batch` systems."""
        return {name: x.to(self.dtype).expand(batch, *x.shape) for name, x in self.inputs.items()}

    def force(self, q: Tensor, p: Tensor | None = None, inputs: dict | None = None) -> Float[Tensor, "b n d"]:
        """Return F, or −∂H/∂q by reverse mode, which is 0 where H does not depend on q.

        Args:
            q: positions, (b, n, d).
            p: momenta, where `kind` is "H".
            inputs: side inputs (b, ...), by default those of the subject.

        Raises:
            RuntimeError: if torch cannot differentiate the function.
        """
        if self.kind == "force":
            return self(q, p, inputs)
        return -self.gradients(q, p, inputs)[0]

    def gradients(self, q: Tensor, p: Tensor | None = None, inputs: dict | None = None) -> tuple[Tensor, Tensor]:
        """Return ∂H/∂q and ∂H/∂p, (b, n, d) each; the latter is 0 for V.

        Args:
            q: positions, (b, n, d).
            p: momenta, where `kind` is "H".
            inputs: side inputs (b, ...), by default those of the subject.
        """
        if self.differences:
            return self._differences(q, p, inputs)
        with torch.enable_grad():
            variables = [x.detach().requires_grad_() for x in (q, p) if x is not None]
            value = self(variables[0], variables[1] if p is not None else None, inputs).sum()
            found = torch.autograd.grad(value, variables, allow_unused=True)
        slopes = [torch.zeros_like(x) if g is None else g for g, x in zip(found, variables, strict=True)]
        return slopes[0], slopes[1] if p is not None else torch.zeros_like(q)

    @torch.no_grad()
    def _differences(self, q: Tensor, p: Tensor | None, inputs: dict | None) -> tuple[Tensor, Tensor]:
        """Return central differences, whose relative error is about eps^(2/3)."""
        slopes = []
        for k, unit in enumerate((self.length, self.momentum)[: 1 if p is None else 2]):
            step = unit * torch.finfo(q.dtype).eps ** (1 / 3)
            slope = torch.zeros_like(q)
            for i in range(self.n * self.dim):
                shift = torch.zeros_like(q[0]).flatten()
                shift[i] = step
                shift = shift.view_as(q[0])
                up, down = ((q + s * (k == 0) * shift, p if p is None else p + s * (k == 1) * shift) for s in (1, -1))
                slope.flatten(1)[:, i] = (self(*up, inputs) - self(*down, inputs)).detach() / (2 * step)
            slopes.append(slope)
        return slopes[0], slopes[1] if p is not None else torch.zeros_like(q)

    def per_body(self, name: str) -> int:
        """Return the number of leading axes of a side input that run over bodies: 0, 1, or 2 for pairs."""
        shape = self.inputs[name].shape
        return 2 if shape[:2] == (self.n, self.n) else 1 if shape[:1] == (self.n,) else 0

    def rounded(self, dtype: torch.dtype) -> Subject:
        """Return the subject in float32 or float64, with weights that are rounded to float32 in either."""
        return replace(self, dtype=dtype) if self.low is None else self.low(dtype)


def move_inputs(
    subject: Subject, inputs: dict[str, Tensor], A: Float[Tensor, "b d d"], b: Float[Tensor, "b d"]
) -> dict[str, Tensor]:
    """Return the side inputs of each system after its motion x → A x + b.

    Args:
        subject: says how each input moves.
        inputs: one row a system, (b, ...).
        A, b: the motions.

    Returns:
        The inputs after the motion, of the same shapes.
    """
    moved = {}
    for name, x in inputs.items():
        how, axes = subject.moves[name], (1,) * (x.ndim - 2)
        matrix = torch.linalg.inv(A).mT if how == "covector" else A
        if how != "scalar":
            x = (matrix.view(len(A), *axes, *A.shape[1:]) @ x[..., None])[..., 0]
        moved[name] = x + b.view(len(b), *axes, -1) if how == "point" else x
    return moved


def permute_inputs(subject: Subject, inputs: dict[str, Tensor], order: Tensor) -> dict[str, Tensor]:
    """Return the side inputs (b, ...) after the bodies were put in the order of the permutation `order`.

    Args:
        subject: says which axes of an input run over bodies.
        inputs: one row a system, (b, ...).
        order: the permutation, (n,).
    """
    for axis in (1, 2):
        inputs = {k: x.index_select(axis, order) if subject.per_body(k) >= axis else x for k, x in inputs.items()}
    return inputs
