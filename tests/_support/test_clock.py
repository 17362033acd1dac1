"""Times are float64, and what was rounded before is said."""

from __future__ import annotations

import warnings

import pytest
import torch

from lieham._support.clock import exact_times
from lieham.errors import InputError
from lieham.state import Bodies, Trajectory
from tests.helpers.refusals import says

COUNT = torch.arange(50, dtype=torch.float64)
SILENT = {
    "float64, Julian dates": 2451545 + 0.7 * COUNT,
    "float64, seconds since 1970": 1.7e9 + 0.01 * COUNT,
    "float64, uneven": 2451545 + 0.7 * COUNT + 0.01 * COUNT.square(),
    "float32, near 0": (0.1 * COUNT).float(),
    "float32, whole days": (2451545 + COUNT).float(),
    "float32, whole and uneven": (2451545 + COUNT.square()).float(),
    "float64 of whole days": 2451545 + COUNT,
    "integers": (2451545 + COUNT).long(),
    "one time": torch.tensor([2451545.7]).float(),
    "none": torch.zeros(0),
}
ROUNDED = {
    "float32, Julian dates": ((2451545 + 0.7 * COUNT).float(), r"from 0.5 to 0.75 only because float32"),
    "float32, kept in float64": ((2451545 + 0.7 * COUNT).float().double(), r"from 0.5 to 0.75 only because float32"),
    "float32, seconds": ((1.7e9 + 1000 * COUNT).float(), r"from 896 to 1024 only because float32"),
    "float32, some years": ((1950 + 0.01 * COUNT).float(), r"only because float32"),
    "float16": ((100 + 0.1 * COUNT[:20]).half(), r"only because float16"),
    "float32, uneven": ((2451545 + 0.7 * COUNT + 0.2 * COUNT**1.5).float(), r"in float32 are known to 0.25 only"),
}


@pytest.mark.parametrize("times", list(SILENT.values()), ids=list(SILENT))
def test_times_that_are_exact_are_taken_in_silence(times):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for batch in (times, torch.stack([times, times])):
            found = exact_times(batch, torch.float32)
            assert found.dtype == torch.float64 and torch.equal(found, batch.double())


@pytest.mark.parametrize("times, text", list(ROUNDED.values()), ids=list(ROUNDED))
def test_times_that_were_rounded_are_kept_with_a_warning(times, text):
    for batch in (times, torch.stack([COUNT[: len(times)].to(times), times])):
        with pytest.warns(UserWarning, match=text):
            assert torch.equal(exact_times(batch, torch.float32), batch.double())


def test_beside_float64_states_less_rounding_is_worth_a_warning():
    times = (0.01 * COUNT + 3).float()
    with pytest.warns(UserWarning, match="only because float32"):
        exact_times(times, torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact_times(times, torch.float32)


def test_what_are_no_times_is_refused():
    says(InputError, lambda: exact_times(COUNT > 3, torch.float64), "times must be real numbers", "torch.bool")
    says(InputError, lambda: exact_times(COUNT + 1j, torch.float64), "times must be real numbers", "complex")
    stamps = 1_700_000_000_000_000_000 + 3 * COUNT.long()
    says(
        InputError, lambda: exact_times(stamps, torch.float64), "times must be integers below 2**53", "got 17000000000"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("offset", [0.0, 1e4, 2451545.0, 1.7e9])
def test_trajectories_keep_times_whatever_their_states_are(offset, dtype):
    times = offset + 0.7 * COUNT
    q = torch.sin(0.3 * COUNT)[:, None, None].to(dtype)
    x = Trajectory.from_positions(times, q, Bodies.of(torch.ones(1, dtype=dtype)))
    direct = Trajectory(times, x.q, x.p, x.bodies)
    for kept in (x, direct, x.to(dtype=torch.float32), x.to(dtype=torch.float64).window(0, 50)):
        assert torch.equal(kept.times, times)
    spacing = torch.finfo(torch.float64).eps * offset
    wanted = 0.3 / 0.7 * torch.cos(0.3 * COUNT)
    assert (x.p.flatten()[2:-2] - wanted[2:-2]).abs().max() < 2e-3 + spacing
    assert x.p.dtype == dtype
