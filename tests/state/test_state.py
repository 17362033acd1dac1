"""Laws of states, bodies and trajectories: what is accepted is clean, and what is refused is named."""

from __future__ import annotations

import math

import pytest
import torch

from lieham.errors import InputError
from lieham.state import Bodies, PhaseState, Trajectory

K, TIME, N, D = 4, 5, 3, 2
NAN, INF = math.nan, math.inf


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masses() -> torch.Tensor:
    return draw(K, N).square() + 0.5


def changed(x: torch.Tensor, value: float, index: tuple[int, ...]) -> torch.Tensor:
    x = x.clone()
    x[index] = value
    return x


def trajectory(mask: torch.Tensor | None = None) -> Trajectory:
    bodies = Bodies.of(masses(), draw(K, N, 2, seed=3), mask)
    return Trajectory.of(torch.arange(TIME) * 0.1, draw(K, TIME, N, D, seed=1), draw(K, TIME, N, D, seed=2), bodies)


def one_padded() -> torch.Tensor:
    return changed(torch.ones(K, N, dtype=torch.bool), False, (1, 2))


def says(call, *parts: str) -> None:
    """The call is refused in one sentence that holds every part, in order."""
    with pytest.raises(InputError) as caught:
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


@pytest.mark.parametrize("value, shown", [(0.0, "0"), (-2.0, "-2"), (NAN, "nan"), (INF, "inf"), (-INF, "-inf")])
def test_a_mass_is_finite_and_positive(value, shown):
    says(
        lambda: Bodies.of(changed(masses(), value, (2, 1))),
        "mass must be finite and positive for every body",
        f"got {shown}",
    )


@pytest.mark.parametrize("value", [0.0, -2.0, NAN, INF])
def test_a_padded_body_may_hold_anything_and_is_neutralised(value):
    bodies = Bodies.of(changed(masses(), value, (1, 2)), changed(draw(K, N, 2), value, (1, 2, 0)), one_padded())
    assert bodies.mass[1, 2] == 1 and (bodies.features[1, 2] == 0).all()
    real = one_padded()
    assert torch.equal(bodies.mass[real], masses()[real])
    assert torch.equal(bodies.features[real], draw(K, N, 2)[real])


def test_what_bodies_leave_out_is_filled_in():
    bodies = Bodies.of(masses())
    assert bodies.features.shape == (K, N, 0) and bodies.features.dtype == bodies.mass.dtype
    assert bodies.mask.all() and bodies.mask.shape == (K, N)


@pytest.mark.parametrize(
    "features, mask, parts",
    [
        (draw(K, N - 1, 2), None, ("features must be of shape (4, 3) + (c,)", "got (4, 2, 2)")),
        (draw(N, 2), None, ("features must be", "got (3, 2)")),
        (changed(draw(K, N, 2), NAN, (3, 0, 1)), None, ("features must be finite", "got nan at index (3, 0, 1)")),
        (changed(draw(K, N, 2), INF, (3, 0, 1)), None, ("features must be finite", "got inf")),
        (None, torch.ones(K, N - 1, dtype=torch.bool), ("mask must be bool of shape (4, 3)", "got bool (4, 2)")),
        (None, torch.ones(K, N), ("mask must be bool", "got (4, 3)")),
        (
            None,
            torch.arange(K)[:, None].expand(K, N) > 0,
            ("mask must be True for at least one body", "got a system without"),
        ),
    ],
)
def test_bodies_that_do_not_fit_are_refused(features, mask, parts):
    says(lambda: Bodies.of(masses(), features, mask), *parts)


Q, P, TIMES = draw(K, TIME, N, D, seed=1), draw(K, TIME, N, D, seed=2), torch.arange(TIME, dtype=torch.float64)

BAD_TRAJECTORIES = {
    "q has no time": ((TIMES, Q[0, 0], P[0, 0], masses()), ("q must be", "(*batch, time, n, d)", "got (3, 2)")),
    "p is shorter": ((TIMES, Q, P[:, 1:], masses()), ("p must be of shape (4, 5, 3, 2)", "got (4, 4, 3, 2)")),
    "p has another d": ((TIMES, Q, P[..., :1], masses()), ("p must be", "got (4, 5, 3, 1)")),
    "times too many": ((torch.arange(6.0), Q, P, masses()), ("times must be of shape (4, 5) or (5,)", "got (6,)")),
    "times of other systems": ((TIMES.expand(3, 5), Q, P, masses()), ("times must be", "got (3, 5)")),
    "mass of fewer bodies": ((TIMES, Q, P, masses()[:, :2]), ("mass must be of shape (4, 3)", "got (4, 2)")),
    "mass of fewer systems": ((TIMES, Q, P, masses()[:3]), ("mass must be of shape (4, 3)", "got (3, 3)")),
    "mass shared": ((TIMES, Q, P, masses()[0]), ("mass must be of shape (4, 3)", "got (3,)")),
    "NaN in q": (
        (TIMES, changed(Q, NAN, (0, 4, 2, 1)), P, masses()),
        ("q must be finite", "got nan at index (0, 4, 2, 1)"),
    ),
    "inf in p": (
        (TIMES, Q, changed(P, -INF, (3, 0, 0, 0)), masses()),
        ("p must be finite", "got -inf at index (3, 0, 0, 0)"),
    ),
    "NaN in times": (
        (changed(TIMES, NAN, (2,)), Q, P, masses()),
        ("times must be finite", "got nan at index (2,)"),
    ),
    "a time twice": (
        (changed(TIMES, 1.0, (2,)), Q, P, masses()),
        ("times must be strictly increasing", "got", "index (1,)"),
    ),
    "times fall": ((TIMES.flip(0), Q, P, masses()), ("times must be strictly increasing", "got", "index (0,)")),
    "times of one system fall": (
        (changed(TIMES.expand(K, TIME), 9.0, (2, 3)), Q, P, masses()),
        ("times must be strictly increasing", "got", "index (2, 3)"),
    ),
}


@pytest.mark.parametrize("case", BAD_TRAJECTORIES)
def test_trajectories_that_do_not_fit_are_refused(case):
    (times, q, p, mass), parts = BAD_TRAJECTORIES[case]
    bodies = Bodies.of(mass)
    says(lambda: Trajectory.of(times, q, p, bodies), *parts)
    if parts[0].startswith("p ") and "finite" not in parts[0]:
        parts = (parts[0].replace("p must", "v must"), *parts[1:])
    says(lambda: Trajectory.from_velocities(times, q, p, bodies), *parts)


def test_what_the_bad_trajectories_were_made_from_is_accepted():
    assert Trajectory.of(TIMES, Q, P, Bodies.of(masses())).n_steps == TIME - 1


@pytest.mark.parametrize("make", [Trajectory.of, Trajectory.from_velocities])
def test_padded_bodies_rest_at_the_origin_whatever_they_held(make):
    hidden = (1, slice(None), 2)
    q, p = changed(Q, NAN, hidden), changed(P, INF, hidden)
    bodies = Bodies.of(changed(masses(), NAN, (1, 2)), None, one_padded())
    x = make(TIMES, q, p, bodies)
    assert (x.q[hidden] == 0).all() and (x.p[hidden] == 0).all()
    clean = make(TIMES, Q, P, Bodies.of(masses()))
    real = one_padded()[:, None].expand(K, TIME, N)
    assert torch.equal(x.q[real], clean.q[real]) and torch.equal(x.p[real], clean.p[real])


def test_momenta_are_masses_times_velocities():
    x = Trajectory.from_velocities(TIMES, Q, P, Bodies.of(masses()))
    for k in range(K):
        for i in range(N):
            assert torch.equal(x.p[k, :, i], P[k, :, i] * masses()[k, i])


def test_shared_times_serve_every_trajectory_and_own_times_stay():
    bodies = Bodies.of(masses())
    shared = Trajectory.of(TIMES, Q, P, bodies)
    assert shared.times.shape == (K, TIME) and all(torch.equal(t, TIMES) for t in shared.times)
    own = TIMES * torch.arange(1.0, K + 1)[:, None]
    assert torch.equal(Trajectory.of(own, Q, P, bodies).times, own)


def test_one_trajectory_needs_no_batch_axis():
    x = Trajectory.of(TIMES, Q[0], P[0], Bodies.of(masses()[0]))
    assert x.times.shape == (TIME,) and x.state(2).q.shape == (N, D) and x.dim == D
    says(lambda: x[0], "no batch axis")


def test_construction_writes_to_no_argument():
    q, p, mass = changed(Q, NAN, (1, 0, 2, 0)), P.clone(), masses()
    before = [x.clone() for x in (q, p, mass)]
    Trajectory.of(TIMES, q, p, Bodies.of(mass, None, one_padded()))
    for x, y in zip((q, p, mass), before, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("start, length", [(s, n) for n in range(1, TIME + 1) for s in range(TIME - n + 1)])
def test_a_window_is_a_slice(start, length):
    x = trajectory(one_padded())
    w = x.window(start, length)
    t = slice(start, start + length)
    assert torch.equal(w.times, x.times[:, t]) and torch.equal(w.q, x.q[:, t]) and torch.equal(w.p, x.p[:, t])
    assert w.bodies is x.bodies


@pytest.mark.parametrize("start, length", [(0, TIME + 1), (3, 3), (-1, 2), (0, 0), (5, 1)])
def test_a_window_beyond_the_points_is_refused(start, length):
    says(
        lambda: trajectory().window(start, length),
        "window must lie in the 5 stored points",
        f"got start={start}, length={length}",
    )


@pytest.mark.parametrize("index", [slice(1, 3), [2, 0, 2], torch.tensor([3, 1]), [True, False, True, False]])
def test_indexing_selects_systems_with_their_bodies(index):
    x = trajectory(one_padded())
    y = x[index]
    want = torch.arange(K)[index]
    assert len(y) == len(want)
    for a, b in zip(y_parts(y), y_parts(x), strict=True):
        assert torch.equal(a, b[want])


def test_an_integer_index_drops_the_batch_axis():
    x = trajectory()
    for a, b in zip(y_parts(x[2]), y_parts(x), strict=True):
        assert torch.equal(a, b[2])


def y_parts(x: Trajectory) -> tuple[torch.Tensor, ...]:
    return x.times, x.q, x.p, x.bodies.mass, x.bodies.features, x.bodies.mask


def test_casting_reaches_every_floating_tensor_and_no_mask():
    x = trajectory(one_padded())
    for dtype in (torch.float32, torch.float64):
        times, *floating, mask = y_parts(x.to(dtype=dtype))
        assert all(y.dtype == dtype for y in floating) and mask.dtype == torch.bool
        assert all(torch.equal(a, b.to(dtype)) for a, b in zip(floating, y_parts(x)[1:], strict=False))
        assert times.dtype == torch.float64 and torch.equal(times, x.times)
    assert all(y.dtype == torch.float32 for y in PhaseState(Q, P).to(torch.float32))
    assert all(torch.equal(a, b) for a, b in zip(y_parts(x.to()), y_parts(x), strict=True))


def test_moving_to_a_device_reaches_every_tensor():
    assert all(y.device.type == "meta" for y in y_parts(trajectory().to("meta")))


def test_shift_adds_what_is_given_and_leaves_the_rest():
    z = PhaseState(Q[0], P[0])
    before = z.q.clone(), z.p.clone()
    moved = z.shift(dq=torch.ones_like(z.q))
    assert torch.equal(moved.q, z.q + 1) and moved.p is z.p
    moved = z.shift(dp=2 * z.q)
    assert moved.q is z.q and torch.equal(moved.p, z.p + 2 * z.q)
    assert torch.equal(z.shift(z.p, z.q).q, z.q + z.p) and torch.equal(z.shift(z.p, z.q).p, z.p + z.q)
    assert torch.equal(z.q, before[0]) and torch.equal(z.p, before[1])


def test_states_along_time_and_one_of_them():
    x = trajectory()
    for i in range(-TIME, TIME):
        assert torch.equal(x.state(i).q, x.q[:, i]) and torch.equal(x.state(i).p, x.p[:, i])
    assert torch.equal(x.states().q, x.q) and torch.equal(x.states().p, x.p)


def test_bodies_stand_beside_states_along_time():
    x = trajectory(one_padded())
    over = x.bodies.over_time()
    assert over.mass.shape == (K, 1, N) and over.features.shape == (K, 1, N, 2) and over.mask.shape == (K, 1, N)
    kinetic = (x.p.square().sum(-1) / (2 * over.mass)).sum(-1)
    for i in range(TIME):
        # The same sum over the same 3 numbers, maybe in another order.
        torch.testing.assert_close(
            kinetic[:, i], (x.p[:, i].square().sum(-1) / (2 * x.bodies.mass)).sum(-1), rtol=1e-15, atol=0
        )
