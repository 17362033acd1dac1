"""Springs that fall: a uniform field declared beside SE(3), against a smaller group whose potential holds the field.

Run `python examples/falling_springs.py`; it prints what each learns from few trajectories, and what is conserved.
"""

from __future__ import annotations

import warnings

import lieham
import systems

DECLARED = (("SE(2)xTrivial(1)", None), ("SE(3)", True), ("SE(3)", "z"))


def main(counts: tuple[int, ...] = (1, 3, 10), steps: int = 300) -> list[float]:
    """Print a table of forecast errors and the report of conservation of the last model; return the errors."""
    law, errors = systems.FallingSprings(4), []
    print(f"{'trajectories':>12}  {'group':<16}  {'field':<5}  {'loss':>7}  {'error':>7}  g")
    for count in counts:
        data = law.benchmark(count, n_test=20)
        for group, field in DECLARED:
            model = lieham.HLieConv(group, data.n_features, uniform_field=field)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", lieham.LiehamWarning)
                loss = lieham.fit(model, data, steps=0, refine=0).best
                path = lieham.forecast(model, data.test, data.test.n_steps)
                errors.append(path.errors(data.test).median().item())
            g = "" if model.uniform_field is None else [float(f"{x:.9g}") for x in model.uniform_field.acceleration]
            print(f"{count:>12}  {group:<16}  {field!s:<5}  {loss:7.1e}  {errors[-1]:7.1e}  {g}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lieham.LiehamWarning)
        print(lieham.conservation(lieham.forecast(model, data.test, steps, dt=0.02)))
    return errors


if __name__ == "__main__":
    main()
