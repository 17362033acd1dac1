"""A pretend GPU: a torch device that holds CPU data and checks devices as strictly as CUDA does.

It finds mixed-device bugs (a buffer left on the CPU, `torch.zeros(n)` without `device=`) on a machine
without an accelerator. Values, first and second derivatives, `torch.func`, `vmap`, optimisers, state
dicts and torchdiffeq's rk4 and dopri5 work and equal the CPU's; `.numpy()` is refused, as on CUDA.

    from tests.helpers.fakegpu import DEVICE, FakeGPU
    with FakeGPU():
        model.to(DEVICE); model(x.to(DEVICE)).backward()      # RuntimeError where devices mix

Seen on torch 2.13 only: it stands on an experimental interface, so skip the test where the import
fails. The device is registered once per process: run such tests in a process of their own.
`python -m tests.helpers.fakegpu` runs its own check.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("fakegpu")
DEVICE = torch.device("fakegpu", 0)
_aten = torch.ops.aten
_INDEX_MAY_BE_ON_CPU = {
    _aten.index.Tensor,
    _aten.index_put_.default,
    _aten.index_put.default,
    _aten._unsafe_index.Tensor,
    _aten._index_put_impl_.default,
}
_MOVES = (_aten._to_copy.default, _aten.copy_.default, _aten._pin_memory.default)


class _OnGPU(torch.Tensor):
    """A wrapper that says `fakegpu:0` and keeps its data in `held`, on the CPU."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=held.requires_grad,
        )

    def __init__(self, held):
        self.held = held

    def __repr__(self, **_):
        return f"fakegpu({self.held!r})"

    def tolist(self):
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    tensors = [a for a in tree_leaves((args, kwargs)) if isinstance(a, torch.Tensor)]
    on_gpu = any(isinstance(a, _OnGPU) for a in tensors)
    if on_gpu and func not in _MOVES:
        checked = tensors[:1] if func in _INDEX_MAY_BE_ON_CPU else tensors
        if any(not isinstance(a, _OnGPU) and a.dim() > 0 for a in checked):
            raise RuntimeError(f"Expected all tensors to be on the same device, found fakegpu:0 and cpu ({func})")
    to_gpu, device = on_gpu, kwargs.get("device")
    if device is not None:
        to_gpu = torch.device(device).type == "fakegpu"
        kwargs = dict(kwargs, device="cpu" if to_gpu else device)
    if func is _aten.copy_.default:
        to_gpu = isinstance(args[0], _OnGPU)
    bare = lambda a: a.held if isinstance(a, _OnGPU) else a  # noqa: E731
    out = func(*tree_map(bare, args), **tree_map(bare, kwargs))
    if not to_gpu:
        return out
    out = tree_map(lambda a: _OnGPU(a) if isinstance(a, torch.Tensor) else a, out)
    return return_and_correct_aliasing(func, args, kwargs, out) if on_gpu else out


class FakeGPU(TorchDispatchMode):
    """`with FakeGPU():` makes `device=DEVICE` and `.to(DEVICE)` work."""

    def __enter__(self):
        self._lift_cpu = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)
        return super().__enter__()

    def __exit__(self, *exc):
        torch._C._set_only_lift_cpu_tensors(self._lift_cpu)
        return super().__exit__(*exc)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


if __name__ == "__main__":
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1))
    x = torch.randn(4, 3)
    field = torch.func.grad(lambda x: model(x).sum())
    want = field(x)
    with FakeGPU():
        model.to(DEVICE)
        got = field(x.to(DEVICE))
        got.pow(2).sum().backward()
        assert model[0].weight.grad.device.type == "fakegpu"
        assert torch.equal(got.to("cpu"), want)
        try:
            model(x.to(DEVICE)) + torch.zeros(4, 1)
        except RuntimeError as e:
            print("caught:", e)
        else:
            raise SystemExit("a mixed-device sum went through")
