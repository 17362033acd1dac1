"""The audit: twelve planted faults found, no sound model called broken, and what it does with what it cannot know."""

from __future__ import annotations

import json

import pytest
import torch
from cases import MODELS, SAMPLED, make_model
from faults import FAULTS, SOUND, lennard_jones, pair_force, pair_potential
from torch import nn

import lieham
from lieham._support.report import Report
from lieham.auditing import BROKEN, EXACT, ON_AVERAGE, ROUND_OFF, VERDICTS, Audit, AuditConfig, assert_sound, audit
from lieham.auditing.configurations import Scale, Symmetry, algebra, motions
from lieham.auditing.smoothness import largest_jump
from lieham.auditing.targets import of_callable
from lieham.errors import InputError
from lieham.models import save_model
from systems import FallingSprings, Gravity, Springs

FEW = {"count": 100}
"""Moves of a fast test."""


def told(case: tuple) -> tuple:
    function, settings = case[0], dict(case[1])
    return (function, settings.pop("group", "SE(3)")), settings


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_the_check_that_is_for_it(name):
    arguments, settings = told(FAULTS[name])
    made = audit(*arguments, **FEW, **settings)
    assert not made.sound and FAULTS[name][2] in made.broken, f"\n{made}"


@pytest.mark.parametrize("name", SOUND)
def test_no_sound_model_of_others_is_called_broken(name):
    arguments, settings = told(SOUND[name])
    assert_sound(*arguments, **FEW, **settings)


@pytest.mark.parametrize("name", MODELS)
def test_none_of_ours_is_called_broken_with_random_weights(name):
    made = assert_sound(make_model(name), count=20, n_bodies=3)
    assert {check.verdict for check in made.checks if check.declared} <= {EXACT, ROUND_OFF}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith(("SE", "SO", "T(2)", "T(3)"))])
def test_ten_thousand_moves_leave_h_to_a_trillionth(name, seed):
    made = audit(make_model(name), count=10_000, seed=seed)
    assert made["invariance"].worst <= 1e-12, f"\n{made}"


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_lift_is_called_what_it_is(name):
    made = audit(make_model(name), count=20, n_bodies=3)
    assert made.sound and made["invariance"].verdict == ON_AVERAGE


def test_a_group_too_large_is_found_out():
    wrong = audit(make_model("T(2) gated"), "SE(2)", **FEW)
    assert wrong["invariance"].verdict == BROKEN and wrong["net torque"].verdict == BROKEN
    assert wrong["net force"].verdict in (EXACT, ROUND_OFF)


@pytest.mark.parametrize(
    "system", [Springs(4, 2), Springs(4, 3), Gravity(4, 3), FallingSprings(4)], ids=lambda x: f"{x.name} {x.dim}"
)
def test_the_laws_themselves_are_sound(system):
    mass = torch.rand(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    inputs = {"mass": mass, "features": mass[:, None]}

    def potential(q, mass, features, mask):
        return system.potential(q, lieham.Bodies(mass, features, mask))

    assert_sound(potential, system.symmetry, inputs=inputs, **FEW)
    whole = f"E({system.dim})"
    assert audit(potential, whole, inputs=inputs, **FEW).sound == (system.symmetry == f"SE({system.dim})")


def test_scalings_keep_v_and_not_h_and_the_audit_says_so():
    made = audit(make_model("R*SO(2) gated"), **FEW)
    assert made.sound and made["invariance"].verdict == ROUND_OFF
    assert made["{H, D}"].verdict == BROKEN and not made["{H, D}"].declared and "changes K" in made["{H, D}"].detail
    assert made["{H, L}"].verdict in (EXACT, ROUND_OFF)


def test_a_hamiltonian_that_is_not_separable():
    """Canonical L_z and P_z, not P_x, in a vector potential."""
    model = lieham.VectorPotentialLieConv("SO(2)xT(1)", 1, width=8)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    assert_sound(model, **FEW)
    made = audit(model, "SE(3)", **FEW)
    assert {"{H, P_x}", "{H, L_x}"} <= set(made.broken)
    assert made["{H, L_z}"].verdict == made["{H, P_z}"].verdict == ROUND_OFF


# Side inputs


def dipoles(q, field):
    x = q - q.mean(1, keepdim=True)
    return pair_potential(q) + (x @ field[..., None]).square().sum((1, 2))


def test_it_asks_how_a_side_input_moves():
    field = {"field": torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)}
    with pytest.raises(InputError, match=r"moves must say how 'field' of shape \(3,\) moves with the bodies: scalar, "):
        audit(dipoles, "SE(3)", inputs=field)
    assert_sound(dipoles, "SE(3)", inputs=field, moves={"field": "vector"}, **FEW)
    left = audit(dipoles, "SE(3)", inputs=field, moves={"field": "scalar"}, **FEW)
    assert "invariance" in left.broken and "net torque" in left.broken and "net force" not in left.broken


def test_edge_vectors_and_points_move_with_the_rest():
    generator = torch.Generator().manual_seed(0)
    edges = torch.randn(5, 5, 3, generator=generator, dtype=torch.float64)
    wall = torch.randn(3, generator=generator, dtype=torch.float64)

    def function(q, edges, wall):
        along = ((q[:, :, None] - q[:, None]) * edges).sum(-1)
        return along.square().sum((1, 2)) + (q - wall[:, None]).square().sum((1, 2))

    inputs = {"edges": edges, "wall": wall}
    assert_sound(function, "SE(3)", inputs=inputs, moves={"edges": "vector", "wall": "point"}, **FEW)
    wrong = audit(function, "SE(3)", inputs=inputs, moves={"edges": "vector", "wall": "vector"}, **FEW)
    assert "invariance" in wrong.broken


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "inputs must hold 'field', which dipoles takes, got"),
        ({"inputs": {"field": torch.ones(3)}, "moves": {"field": "sideways"}}, "must be one of scalar, vector"),
        ({"inputs": {"field": torch.ones(3)}, "moves": {"other": "vector", "field": "vector"}}, "got 'other'"),
        ({"kind": "energy"}, "kind must be one of H, V, force, got 'energy'"),
        ({"n_bodies": 1}, "n_bodies must be at least 2, got 1"),
        ({"group": None}, "group must be given, since function declares none"),
        ({"group": "SU(3)"}, "group must be one of"),
        ({"count": 0}, "count must be at least 1, got 0"),
    ],
)
def test_what_it_cannot_know_it_asks_for(settings, message):
    settings = {"group": "SE(3)"} | settings
    with pytest.raises(InputError, match=message):
        audit(dipoles, settings.pop("group"), **settings)


def test_a_hamiltonian_that_declares_no_group():
    springs = Springs(3, 2).hamiltonian()
    with pytest.raises(InputError, match="group must be given, since SeparableHamiltonian declares none"):
        audit(springs)
    assert_sound(springs, "SE(2)", inputs={"features": torch.ones(5, 1)}, **FEW)
    with pytest.raises(InputError, match="input must be one of mass, features, got 'charge'"):
        audit(springs, "SE(2)", inputs={"charge": torch.ones(5)})
    with pytest.raises(InputError, match="must be a function that says what it takes, got sum"):
        audit(torch.sum, "SE(2)")


def test_a_function_of_one_system_and_one_that_torch_cannot_differentiate():
    assert_sound(lambda q: pair_potential(q[None])[0], "SE(3)", batched=False, count=10, n_bodies=3)
    made = audit(lambda q: torch.from_numpy(pair_potential(q.detach()).numpy()), "SE(3)", **FEW)
    assert made.sound and "torch cannot differentiate it" in made.skipped.values()
    with pytest.raises(InputError, match=r"must be a function of q \(16, 5, 3\) to \(16,\), got \(16, 1\)"):
        audit(lambda q: pair_potential(q)[:, None], "SE(3)")


def test_the_target_is_left_as_it_was():
    model = FAULTS["batch leak"][0]
    before = [x.clone() for x in model.state_dict().values()]
    audit(model, "SE(3)", **FEW)
    assert model.training and all(torch.equal(x, y) for x, y in zip(before, model.state_dict().values(), strict=True))


def test_a_force_beside_an_energy_must_be_its_gradient():
    assert_sound(pair_potential, "E(3)", force=pair_force, **FEW)
    made = audit(pair_potential, "E(3)", force=lambda q: 1.0001 * pair_force(q), **FEW)
    assert made.broken == ["force = -∇V"] and made["force = -∇V"].worst == pytest.approx(1e-4, rel=1e-6)


# Its parts


def test_motions_reach_half_turns_and_a_thousand_lengths():
    symmetry = Symmetry.of("E(3)")
    subject = of_callable(pair_potential, symmetry.group, {}, AuditConfig(length=2.0))
    move = motions(symmetry, algebra(symmetry, subject, 1000, torch.Generator().manual_seed(0)), torch.float64)
    trace = move.A.diagonal(dim1=1, dim2=2).sum(1) * torch.linalg.det(move.A)
    assert trace.min() < -1 + 1e-9, "half turns"
    assert (torch.linalg.det(move.A) < 0).double().mean().item() == pytest.approx(0.5, abs=0.1)
    assert 1000 < move.b.norm(dim=1).max() < 2e4
    one = torch.eye(3, dtype=torch.float64).expand_as(move.A)
    torch.testing.assert_close(move.A @ move.A.mT, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "function, jumps",
    [
        (lambda s: (s > 0.613).double(), True),
        (lambda s: 1e-6 * (s > 0.613) + torch.sin(20 * s), True),
        (lambda s: (s - 0.613).abs(), False),
        (lambda s: (s - 0.613).abs().sqrt(), False),
        (lambda s: torch.sin(200 * s), False),
        (lambda s: 1 / ((s - 0.613) ** 2 + 1e-6), False),
    ],
)
def test_a_jump_is_told_from_a_kink_and_from_a_steep_slope(function, jumps):
    jump, where = largest_jump(function, 3, torch.float64, 1.0)
    assert bool((jump > 1e-8).all()) == jumps and bool((jump > 1e-8).any()) == jumps
    if jumps:
        torch.testing.assert_close(where, torch.full((3,), 0.613, dtype=torch.float64), rtol=0, atol=1e-9)


class Kinked(nn.Module):
    """Σ max(1 − d², 0)^k: it and k − 1 of its derivatives are continuous."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, q):
        return (1.5 - (q[:, :, None] - q[:, None]).square().sum(-1)).clamp(min=0).pow(self.k).sum((1, 2))


@pytest.mark.parametrize("k, sound, order", [(1, False, "it has 0"), (2, True, "it has 1"), (3, True, "2 or more")])
def test_smoothness_is_counted(k, sound, order):
    made = audit(Kinked(k), "E(3)", **FEW)
    assert order in made["smoothness order"].detail and made["continuity"].verdict in (EXACT, ROUND_OFF)
    assert ("smoothness order" not in made.broken) == sound


def test_errors_are_measured_by_what_round_off_enlarges():
    """A stiff law far from the origin: |∂f||x| eps is lost in rounding x alone."""
    subject = of_callable(lennard_jones, lieham.make_group("SE(3)"), {}, AuditConfig())
    scale = Scale.of(subject, torch.Generator().manual_seed(0))
    q = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    near, far = (scale.condition(subject, q, None, torch.full((2,), x, dtype=torch.float64)) for x in (0.0, 1e3))
    assert (far > 100 * near).all()


# Reports


def test_the_report_is_json_and_a_table():
    made = audit(pair_potential, "SE(3)", **FEW)
    told = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert told["sound"] is True
    for check in told["checks"]:
        assert {"name", "verdict", "worst", "tolerance"} <= check.keys() and check["verdict"] in VERDICTS
    worst = next(check for check in told["checks"] if check["name"] == "invariance")["input"]
    assert torch.tensor(worst["q"]).shape == (5, 3) and torch.tensor(worst["move"]).shape == (3, 3)
    lines = str(made).splitlines()
    assert lines[0] == "audit of pair_potential under SE(3)" and lines[-1] == "sound"
    with pytest.raises(KeyError, match="check must be one of determinism, "):
        made["magic"]


def test_the_figure_of_an_audit_is_a_png_with_a_row_a_check(tmp_path):
    made = audit(FAULTS["absolute position"][0], "SE(3)", **FEW)
    path = made.plot(tmp_path / "new" / "audit.png")
    assert path == tmp_path / "new" / "audit.png" and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    few = Audit(made.subject, made.checks[:3], {})
    less = few.plot(tmp_path / "few.png")
    assert _height(path) > 1.5 * _height(less)


def _height(path) -> int:
    """Of a PNG, in pixels: bytes 20 to 24."""
    return int.from_bytes(path.read_bytes()[20:24], "big")


def test_a_report_without_a_figure_says_so(tmp_path):
    class Plain(Report):
        def as_dict(self):
            return {"found": 1}

        def __str__(self):
            return "found: 1"

    with pytest.raises(
        InputError, match=r"report must be one with a figure to be drawn, got a Plain: print it or take"
    ):
        Plain().plot(tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []
    for kind in (Audit, lieham.Conservation):
        assert issubclass(kind, Report) and kind.plot is not Report.plot and kind.__str__ is not Report.__str__
    with pytest.raises(TypeError, match="abstract"):
        Report()


def test_a_setting_that_an_audit_does_not_have_is_named():
    with pytest.raises(InputError, match="setting must be one of kind, moves, n_bodies, count, length, dtype, batched"):
        audit(pair_potential, "SE(3)", moves_count=3)
    config = AuditConfig(count=20, n_bodies=3)
    assert (
        audit(pair_potential, "SE(3)", config=config).as_dict()
        == audit(pair_potential, "SE(3)", config=AuditConfig(n_bodies=3), count=20).as_dict()
    )


def test_the_same_seed_gives_the_same_audit():
    a, b, c = (audit(pair_potential, "SE(3)", count=50, seed=seed).as_dict() for seed in (0, 0, 1))
    assert a == b and a != c


def test_the_helper_for_tests_raises_with_the_table():
    with pytest.raises(AssertionError, match=r"(?s)audit of absolute_position under SE\(3\).*broken: invariance"):
        assert_sound(FAULTS["absolute position"][0], "SE(3)", **FEW)


def test_a_trained_file_and_a_function_on_the_command_line(tmp_path, monkeypatch, capsys):
    from lieham.cli import main

    monkeypatch.chdir(tmp_path)
    save_model(make_model("SE(2) gated"), tmp_path / "m.safetensors")
    assert main(["audit", "m.safetensors", "--count", "50"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "sound"
    assert main(["audit", "m.safetensors", "--group", "R*(2)", "--count", "50", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["sound"]
    assert main(["audit", "faults:absolute_position", "--group", "SE(3)", "--count", "50"]) == 1
    assert "invariance" in capsys.readouterr().out.splitlines()[-1]
    assert main(["audit", "faults:pair_force", "--kind", "force", "--group", "SE(3)", "--count", "50"]) == 0
    for target, message in (
        ("nowhere:f", "target must be a run, a model file or module:callable, got nowhere:f"),
        ("faults:nothing", "target must be a run, a model file or module:callable, got faults:nothing"),
        ("missing", "model must be an existing file or folder"),
    ):
        assert main(["audit", target, "--group", "SE(3)"]) == 2
        assert message.split(",")[0] in capsys.readouterr().err
