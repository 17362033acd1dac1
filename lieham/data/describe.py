"""What a dataset holds, as figures and as text."""

from __future__ import annotations

from lieham.data.dataset import Dataset
from lieham.state import Trajectory


def describe(dataset: Dataset) -> dict:
    """What a dataset holds, JSON-able: shapes, times, ranges, total momentum, and the file's attributes."""
    splits = {name: _describe(x) for name, x in dataset.splits.items()}
    return {"attributes": dataset.attributes, "splits": splits}


def _describe(x: Trajectory) -> dict:
    steps = x.times.diff(dim=-1)
    real = x.bodies.mask
    total = (x.p[:, 0] * real[..., None]).sum(-2).norm(dim=-1)
    ranges = {"q": x.q[real[:, None].expand(x.q.shape[:-1])], "p": x.p[real[:, None].expand(x.p.shape[:-1])]}
    ranges |= {"mass": x.bodies.mass[real], "features": x.bodies.features[real]}
    return {
        "trajectories": len(x),
        "points": x.times.shape[-1],
        "bodies": x.q.shape[-2],
        "dim": x.dim,
        "features": x.bodies.features.shape[-1],
        "padded": 1 - real.double().mean().item(),
        "dtype": str(x.q.dtype).removeprefix("torch."),
        "times": [x.times.min().item(), x.times.max().item()],
        "step": [steps.min().item(), steps.max().item()] if steps.numel() else None,
        "total_momentum": [total.min().item(), total.max().item()],
        "range": {name: [y.min().item(), y.max().item()] for name, y in ranges.items() if y.numel()},
    }


def format_description(description: dict) -> str:
    """The same as text."""
    lines = [f"{key:<18} {value}" for key, value in description["attributes"].items()]
    for name, x in description["splits"].items():
        lines.append(
            f"\n{name}: {x['trajectories']} trajectories of {x['points']} points, {x['bodies']} bodies in {x['dim']}-D"
        )
        lines.append(f"  {'dtype':<16} {x['dtype']}, {x['features']} features, {100 * x['padded']:.0f} % padded")
        ranges = {key: x[key] for key in ("times", "step", "total_momentum") if x[key]} | x["range"]
        lines += [f"  {key:<16} {low:.6g} to {high:.6g}" for key, (low, high) in ranges.items()]
    return "\n".join(lines)
