"""A second device for tests on a machine that has none: tensors that say they are on a GPU, and refuse what it refuses.

Inside `pretended_gpu()`, whatever is asked for on "cuda" is computed on the CPU and marked. As on a real one, an error is
raised where tensors of two devices meet (but for CPU tensors without dimensions, as in PyTorch), where a marked one is
handed to NumPy, and where numbers are drawn on the device with a generator of the CPU.

PyTorch's own FakeTensorMode computes no values, and so stops at the first `if` about one; this goes all the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

GPU, HOST = torch.device("cuda", 0), torch.device("cpu")
MIXED = {"to", "copy_", "__getitem__", "__setitem__", "index_put_", "__set__", "_has_compatible_shallow_copy_type"}


class Marked(Tensor):
    """A tensor on the pretended GPU. Its data is on the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return _call(func, args, kwargs or {})


class _Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        flat, _ = tree_flatten((args, kwargs or {}))
        if _name(func) == "_parse_to":  # of Module.to: it only sorts arguments
            device, *others = func(*args, **(kwargs or {}))
            return (GPU if any(isinstance(x, Marked) for x in flat) else device, *others)
        if any(isinstance(x, Marked) or _device(x) == GPU for x in flat):
            return _call(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


@contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """The device: `tensor.to(device)`, `module.to(device)`, `torch.zeros(..., device=device)` take it as a real one."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # else parameters keep their type
    try:
        with _Mode():
            yield GPU
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def _call(func: Any, args: tuple, kwargs: dict) -> Any:
    name, (flat, _) = _name(func), tree_flatten((args, kwargs))
    if name == "__get__" and func.__self__ in (Tensor.device, Tensor.is_cuda):
        return GPU if func.__self__ is Tensor.device else True
    if name in ("numpy", "__array__"):
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it to the host first"
        )
    if name == "__deepcopy__":
        return _copied(*args)
    if name == "__format__":  # of a number without dimensions, which Tensor tells by its exact type
        return _unmark(args[0]).__format__(*args[1:])
    marked = [x for x in flat if isinstance(x, Marked)]
    hosted = [x for x in flat if isinstance(x, Tensor) and not isinstance(x, Marked) and x.ndim > 0]
    if marked and hosted and name not in MIXED:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found cuda:0 and cpu, in {name}")
    asked = next((device for x in flat if (device := _device(x)) is not None), None)
    if asked == GPU and (generator := kwargs.get("generator")) is not None and generator.device == HOST:
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found 'cpu', in {name}")
    if name == "cuda":
        args, func = args[:1], Tensor.alias
    with torch._C.DisableTorchFunctionSubclass():
        result = func(*tree_map(_hosted, args), **tree_map(_hosted, kwargs))
    return tree_map(_mark if _stays(name, args, kwargs, asked, marked) else _unmark, result)


def _stays(name: str, args: tuple, kwargs: dict, asked: torch.device | None, marked: list) -> bool:
    """Whether what comes out is on the GPU."""
    if name in ("cpu", "__repr__"):
        return False
    like = next((x for x in [*args[1:], *kwargs.values()] if isinstance(x, Tensor)), None) if name == "to" else None
    if like is not None:
        return isinstance(like, Marked)
    if name == "copy_":
        return isinstance(args[0], Marked)
    return asked == GPU if asked is not None else name == "cuda" or bool(marked)


def _name(func: Any) -> str:
    return getattr(func, "__name__", "")


def _device(x: Any) -> torch.device | None:
    """The device that an argument names."""
    if isinstance(x, str) and x.partition(":")[0] in ("cpu", "cuda"):
        x = torch.device(x)
    if not isinstance(x, torch.device):
        return None
    return GPU if x.type == "cuda" else x


def _hosted(x: Any) -> Any:
    return HOST if _device(x) == GPU else x


def _mark(x: Any) -> Any:
    with torch._C.DisableTorchFunctionSubclass():
        return x.as_subclass(Marked) if isinstance(x, Tensor) and not isinstance(x, Marked) else x


def _unmark(x: Any) -> Any:
    with torch._C.DisableTorchFunctionSubclass():
        return x.as_subclass(Tensor) if isinstance(x, Marked) else x


def _copied(x: Marked, memo: dict) -> Marked:
    """A leaf as copy.deepcopy wants it; a parameter stays one."""
    if id(x) not in memo:
        with torch._C.DisableTorchFunctionSubclass():
            copy = x.detach().clone().as_subclass(Marked).requires_grad_(x.requires_grad)
        if hasattr(x, "_is_param"):
            copy._is_param = True
        memo[id(x)] = copy
    return memo[id(x)]
