"""The real Solar System: positions and velocities of the ephemeris DE421, and two baselines that use Newton's law.

Units are AU, days and solar masses. Earth stands for the barycentre of Earth and Moon, and each other planet for the
barycentre of itself and its moons.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from lieham.errors import InputError, expected

NAMES = ("Sun", "Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune", "Pluto")
AU, DAY, YEAR = 149_597_870.7, 86_400.0, 365.25
"""An astronomical unit in km, a day in seconds, and a Julian year in days."""

GM = np.array(
    [
        *(132712440040.944, 22032.08, 324858.599, 403503.233, 42828.314),
        *(126712767.863, 37940626.063, 5794549.007, 6836534.064, 981.601),
    ]
)
"""Gravitational parameters in km³/s², those of DE421 (Folkner, Williams, Boggs 2009, IPN Progress Report 42-178)."""

MASS, G = GM / GM[0], GM[0] * DAY**2 / AU**3
"""Masses in solar masses, and the constant of gravity in AU³ per solar mass and day²."""

START, SPLIT, END = 2433282.5, 2451544.5, 2469807.5
"""Julian days of 1 January 1950, 2000 and 2050: training covers the first half, and forecasts the second."""

KERNEL_IDS = (10, 1, 2, 3, 4, 5, 6, 7, 8, 9)  # NAIF's numbers of the Sun and of nine barycentres


def solar_states(julian_days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read positions and velocities of the Sun and nine planets, relative to the barycentre of the Solar System.

    Args:
        julian_days: (time,) in barycentric dynamical time, within DE421's years 1900 to 2050.

    Returns:
        Positions in AU and velocities in AU/day, (time, 10, 3), in the order of `NAMES`.

    Raises:
        InputError: the packages jplephem and skyfield-data are not installed, or a day is outside 1900 to 2050.
    """
    try:
        from jplephem.spk import SPK

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # skyfield-data warns of other files of its own, which have expired
            from skyfield_data import get_skyfield_data_path

            folder = Path(get_skyfield_data_path())
    except ImportError:
        raise InputError(
            "The ephemeris DE421 needs the packages jplephem and skyfield-data, of which one is not installed: "
            "run `pip install 'lieham[solar]'`"
        ) from None
    kernel = SPK.open(folder / "de421.bsp")
    try:
        segments = [kernel[0, body] for body in KERNEL_IDS]
        first, last = max(s.start_jd for s in segments), min(s.end_jd for s in segments)
        days = np.asarray(julian_days, dtype=float)
        if days.ndim != 1 or not (np.all(days >= first) and np.all(days <= last)):
            raise expected("julian_days", f"of shape (time,) between {first} and {last}", f"{julian_days}")
        pairs = [segment.compute_and_differentiate(days) for segment in segments]
    finally:
        kernel.close()
    q, v = (np.stack([pair[k].T for pair in pairs], 1) / AU for k in (0, 1))
    return q, v


def newton_forecast(days: np.ndarray, bodies: tuple[int, ...] = tuple(range(len(NAMES)))) -> np.ndarray:
    """Forecast point masses under Newton's law from the ephemeris' state at `SPLIT`: q̈_i = Σ_j G m_j r_ij / |r_ij|³.

    Args:
        days: increasing days since `SPLIT`, (time,), from 0 on.
        bodies: indices in `NAMES` of the bodies that act on one another.

    Returns:
        Positions in AU, (time, bodies, 3).
    """
    chosen, n = list(bodies), len(bodies)
    q, v = (x[0, chosen] for x in solar_states(np.array([SPLIT])))
    mass = MASS[chosen]

    def rate(_: float, y: np.ndarray) -> np.ndarray:
        place, velocity = y.reshape(2, n, 3)
        apart = place[None] - place[:, None]
        distance = np.sqrt((apart**2).sum(-1) + np.eye(n))  # a body at distance 0 from itself adds 0
        pull = (G * mass[None, :, None] * apart / distance[..., None] ** 3).sum(1)
        return np.concatenate([velocity.ravel(), pull.ravel()])

    start = np.concatenate([q.ravel(), v.ravel()])
    path = solve_ivp(rate, (0, days[-1]), start, "DOP853", days, rtol=1e-11, atol=1e-14)
    return path.y[: 3 * n].T.reshape(-1, n, 3)


def kepler_forecast(days: np.ndarray) -> np.ndarray:
    """Forecast every planet alone with the Sun, relative to the Sun, as Kepler's ellipses do.

    Args:
        days: increasing days since `SPLIT`, (time,), from 0 on.

    Returns:
        Heliocentric positions in AU, (time, 10, 3); the Sun's are zero.
    """
    pairs = [newton_forecast(days, (0, planet)) for planet in range(1, len(NAMES))]
    return np.stack([np.zeros_like(pairs[0][:, 0])] + [pair[:, 1] - pair[:, 0] for pair in pairs], 1)


def heliocentric_error(q: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Compare forecast positions, relative to the Sun, with the ephemeris.

    Args:
        q: forecast positions in AU, (time, 10, 3).
        days: days since `SPLIT`, (time,).

    Returns:
        Distances in km between the forecast and the true heliocentric positions, (time, 10).
    """
    truth, _ = solar_states(SPLIT + days)
    return AU * np.linalg.norm((q - q[:, :1]) - (truth - truth[:, :1]), axis=-1)
