"""The Solar System, learned from 1950 to 2000, forecast to 2050, and weighed.

`python examples/solar_system.py` takes minutes; `--small` seconds. It prints every planet's heliocentric error beside
two forecasts that know Newton's law: Kepler (each planet alone with the Sun) and ten point masses. A second part finds
masses from the motion alone. The ephemeris DE421 needs `pip install 'lieham[solar]'`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import lieham
from lieham.data.dataset import Dataset
from lieham.plotting.style import COLOURS, make_axes, write_figure
from lieham.state import Bodies, Trajectory
from systems import solar


def trajectory(days: np.ndarray) -> Trajectory:
    """The ephemeris at these Julian days, with times counted from the first of them."""
    q, v = (torch.tensor(x)[None] for x in solar.solar_states(days))
    bodies = Bodies.of(torch.tensor(solar.MASS)[None])
    return Trajectory.from_velocities(torch.tensor(days - days[0]), q, v, bodies)


def learn(train_years: float, step: float, **settings: object) -> lieham.HLieConv:
    """The energy, fitted to the years before 2000: the first 90 % to train and the rest to validate."""
    path = trajectory(np.arange(solar.SPLIT - solar.YEAR * train_years, solar.SPLIT, step))
    n = path.q.shape[1]
    cut = int(0.9 * n)
    model = lieham.HLieConv(group="SE(3)")
    print(lieham.fit(model, Dataset(path.window(0, cut), path.window(cut, n - cut)), **settings))
    return model


def weigh(step: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Masses in units of the Sun's from positions and velocities of 50 years, and their estimated relative errors."""
    days = np.arange(solar.START, solar.SPLIT, step)
    q, v = (torch.tensor(x)[None] for x in solar.solar_states(days))
    found = lieham.infer_masses(torch.tensor(days - days[0]), q, v, group="SE(3)")
    return (found.mass / found.mass[0]).numpy(), found.error.numpy()


def draw(days: np.ndarray, q: np.ndarray, errors: dict[str, np.ndarray], path: Path) -> Path:
    """Orbits from above, inner and outer planets apart, and one panel of growing errors for each planet."""
    figure, axes = make_axes(3, 11.0, rows=4, height=12.0)
    truth, _ = solar.solar_states(solar.SPLIT + days)
    for panel, planets in zip(axes[:2], (range(1, 5), range(5, 10)), strict=True):
        for k in planets:
            for x, style in ((truth, {"lw": 4, "alpha": 0.3}), (q, {"lw": 0.8})):
                around = (x - x[:, :1])[days >= days[-1] - 700 if k < 5 else days >= 0, k]
                panel.plot(around[:, 0], around[:, 1], color=COLOURS[(k - 1) % 5], **style)
            panel.plot([], [], color=COLOURS[(k - 1) % 5], label=solar.NAMES[k])
        panel.set(aspect="equal", xlabel="x (AU)", ylabel="y (AU)", title="truth (pale), forecast (thin)")
        panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    for panel, k in zip(axes[3:], range(1, 10), strict=True):
        for colour, (name, error) in zip(COLOURS, errors.items(), strict=False):
            panel.loglog(days[1:] / solar.YEAR, error[1:, k], color=colour, lw=1, label=name)
        panel.set(title=solar.NAMES[k], xlabel="years after 2000", ylabel="error (km)")
    axes[3].legend(fontsize=8, loc="lower right")
    axes[2].remove()
    return write_figure(figure, path)


def main(
    folder: Path, train_years: float = 50.0, years: float = 50.0, step: float = 4.0, **settings: object
) -> dict[str, dict[str, list[float]]]:
    model = learn(train_years, step, **settings)
    days = np.arange(0.0, min(solar.YEAR * years, solar.END - solar.SPLIT) + step, step)
    days = days[solar.SPLIT + days <= solar.END]
    start = trajectory(np.array([solar.SPLIT]))
    told = lieham.forecast(model, start, steps=len(days) - 1, dt=step, method="yoshida6", substeps=4)
    q = told.trajectory.q[0].numpy()
    paths = {"lieham": q, "Kepler": solar.kepler_forecast(days), "Newton-10": solar.newton_forecast(days)}
    errors = {name: solar.heliocentric_error(path, days) for name, path in paths.items()}

    horizons = [y for y in (1, 10, 50) if y <= years]
    at = [min(int(np.searchsorted(days, solar.YEAR * y)), len(days) - 1) for y in horizons]
    print(f"error in km after {', '.join(map(str, horizons))} years from 2000")
    print(f"{'':10}" + "".join(f"{name:^{10 * len(at)}}" for name in errors))
    table = {planet: {n: [float(e[i, k]) for i in at] for n, e in errors.items()}
             for k, planet in enumerate(solar.NAMES) if k}  # fmt: skip
    for planet, row in table.items():
        print(f"{planet:10}" + "".join(f"{x:10.1e}" for figures in row.values() for x in figures))
    print(f"the picture is {draw(days, q, errors, folder / 'solar_system.png')}")

    mass, error = weigh()
    for k in (5, 6):
        off = mass[k] / solar.MASS[k] - 1
        print(f"mass of {solar.NAMES[k]}: {mass[k]:.6e} of the Sun's, off by {off:.1e}, estimated error {error[k]:.1e}")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("runs/solar_system_example"))
    given = parser.parse_args()
    try:
        solar.solar_states(np.array([solar.SPLIT]))
    except lieham.errors.InputError as error:
        print(error)  # without the ephemeris there is nothing to show, and nothing has failed
    else:
        main(given.folder, **({"train_years": 10.0, "years": 1.0} if given.small else {}))
