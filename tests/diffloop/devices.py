"""A second device for tests on a machine that has none: tensors that say they are on a GPU, and refuse what it refuses.

Inside `pretended_gpu()`, whatever is asked for on "cuda" is computed on the CPU and marked. As on a real one, an error is
raised where tensors of two devices meet (but for CPU tensors without dimensions, as in PyTorch), where a CPU tensor is
indexed by a marked one, where a marked one is handed to NumPy (and so to matplotlib or SciPy), where a generator is of
another device than the numbers it draws, and where a GPU lacks the operation. Saved tensors come back on the CPU.

Graphs are there too, see `graphs_pretended.py`; and `waits` lists what makes the host wait for a GPU: a number that is read,
a copy from or to it. In a capture each of them is an error, as there.

PyTorch's own FakeTensorMode computes no values, and so stops at the first `if` about one; this goes all the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from tests.diffloop.graphs_pretended import Graph, pretended_graphs
from torch import Tensor
from torch.nn.utils import clip_grad
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import arg_tree_leaves, tree_leaves, tree_map

GPU, HOST = torch.device("cuda", 0), torch.device("cpu")
MOVES = {"to", "type_as"}  # to where the other argument is
# Stays where it is; of the other, numbers or sizes.
FIRST = {"copy_", "__getitem__", "expand_as", "view_as", "reshape_as"}
INDEXING = {"__getitem__", "__setitem__", "index_put", "index_put_"}
MADE = {"tensor", "as_tensor", "asarray"}  # on the CPU, if from a list, whatever is in it
MIXED = {*MOVES, *FIRST, *INDEXING, *MADE, "__set__", "_has_compatible_shallow_copy_type"}
# Take no number of the CPU among tensors of a GPU.
JOINED = {"cat", "concat", "concatenate", "stack", "hstack", "vstack"}
PRODUCTS = {"matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "dot", "linear", "einsum", "tensordot"}
CPU_ONLY = {"histogram", "histogramdd"}
TO_NUMPY = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it to the host first"
Plain, by_device = torch.Generator, clip_grad._group_tensors_by_device_and_dtype
PROPERTIES = {Tensor.device: GPU, Tensor.is_cuda: True, Tensor.is_cpu: False}

READS = {"item", "tolist", "cpu", "__bool__", "__float__", "__int__", "__index__", "equal", "allclose", "unique"}
READS |= {"nonzero", "masked_select"}
SENDS = {"tensor", "as_tensor", "to", "cuda", "copy_", "__getitem__", "__setitem__"}
waits: list[str] = []  # what made the host wait, so far


class Marked(Tensor):
    """A tensor on the pretended GPU. Its data is on the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return _call(func, args, kwargs, arg_tree_leaves(*args, **kwargs))


class _Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = _name(func), kwargs or {}
        if name == "__get__":  # by far the most common: of a shape, a type, a gradient
            return _got(func, args) if isinstance(args[0], Marked) else func(*args)
        if name == "__deepcopy__":  # with a memo of all that was copied so far, in which nothing is to be looked for
            return _copied(*args) if isinstance(args[0], Marked) else func(*args)
        flat = arg_tree_leaves(*args, **kwargs)
        if name == "_parse_to":  # of Module.to: it only sorts arguments
            device, *others = func(*args, **kwargs)
            return (GPU if any(isinstance(x, Marked) for x in flat) else device, *others)
        if func is torch.device:
            return _device(func(*args, **kwargs))
        if name == "pin_memory" and not isinstance(args[0], Marked):
            pinned = args[0].clone()
            pinned.pinned = True
            return pinned
        if any(isinstance(x, Marked | Generator) or _device(x) == GPU for x in flat):
            return _call(func, args, kwargs, flat)
        return func(*args, **kwargs)


class _Kind(type(Plain)):
    def __instancecheck__(cls, x: Any) -> bool:  # of generators that were made before
        return isinstance(x, Plain)

    def __call__(cls, device: Any = HOST) -> Plain:
        return type.__call__(cls) if _device(device) == GPU else Plain(device)


class Generator(Plain, metaclass=_Kind):
    """What `torch.Generator("cuda")` gives; with another device, or none, it is the usual one."""

    device = GPU


@contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """The device: `tensor.to(device)`, `module.to(device)`, `torch.zeros(..., device=device)` take it as a real one."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # else parameters keep their type
    torch.Generator = Generator
    asked = torch.cuda.get_device_name, torch.cuda.synchronize
    torch.cuda.get_device_name, torch.cuda.synchronize = lambda device=None: "a pretended GPU", lambda device=None: None
    clip_grad._group_tensors_by_device_and_dtype = _grouped
    try:
        with _Mode(), pretended_graphs():
            yield GPU
    finally:
        torch.Generator = Plain
        torch.cuda.get_device_name, torch.cuda.synchronize = asked
        clip_grad._group_tensors_by_device_and_dtype = by_device
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def _grouped(lists: list[list[Tensor]], *more: Any) -> dict:
    """Groups of tensors for torch's clipping of gradients, which looks for their devices in C++."""
    groups = by_device(lists, *more)
    return {(GPU if isinstance(found[0][0][0], Marked) else device, d): found for (device, d), found in groups.items()}


def _got(func: Any, args: tuple) -> Any:
    """An attribute of a marked tensor."""
    if func.__self__ in PROPERTIES:
        return PROPERTIES[func.__self__]
    with torch._C.DisableTorchFunctionSubclass():
        return _mark(func(*args))


def _call(func: Any, args: tuple, kwargs: dict, flat: list) -> Any:
    name = _name(func)
    if name == "__get__":
        return _got(func, args)
    if (name in READS or name in SENDS) and _waits(name, args, kwargs, flat):
        waits.append(name)
        if Graph.capturing is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing, in {name}")
    if name == "__array__" or (name == "numpy" and not kwargs.get("force")):
        raise TypeError(TO_NUMPY)
    if name in ("__format__", "__reduce_ex__"):  # which Tensor decides by its exact type
        return getattr(_unmark(args[0]), name)(*args[1:])
    asked = next((device for x in flat if (device := _device(x)) is not None), None)
    marked = [x for x in flat if isinstance(x, Marked)]
    _refuse(name, args, flat, asked == GPU or (asked is None and bool(marked)))
    if name == "cuda":
        args, func = args[:1], Tensor.alias
    placed = _mark if _stays(name, args, kwargs, asked, marked) else _unmark
    if asked is not None:
        args, kwargs = tree_map(_hosted, args), tree_map(_hosted, kwargs)
    with torch._C.DisableTorchFunctionSubclass():
        result = func(*args, **kwargs)
    return placed(result) if isinstance(result, Tensor) else tree_map(placed, result)


def _waits(name: str, args: tuple, kwargs: dict, flat: list) -> bool:
    """Whether the host waits for the GPU: what is read from it, and what is sent there unless from pinned memory."""
    first, others = next(iter(args), None), [x for x in flat[1:] if isinstance(x, Tensor)]
    here, there = isinstance(first, Tensor) and not isinstance(first, Marked), isinstance(first, Marked)
    asked = [device for x in flat if (device := _device(x)) is not None]
    if name in ("tensor", "as_tensor"):
        return GPU in asked and not there
    if name in ("to", "cuda", "copy_"):
        sent = here and (name == "cuda" or GPU in asked or any(isinstance(x, Marked) for x in others))
        pinned = hasattr(first, "pinned") and kwargs.get("non_blocking", False)
        taken = there and (HOST in asked or (name == "copy_" and any(not isinstance(x, Marked) for x in others)))
        return (sent and not pinned) or taken
    if name in ("__getitem__", "__setitem__"):
        places = [
            x for x in arg_tree_leaves(*args[1:2]) if isinstance(x, Tensor)
        ]  # a value that is set may be of bools
        sent = any(not isinstance(x, Marked) for x in others)
        return there and (sent or any(x.dtype == torch.bool for x in places))
    return name in READS and any(isinstance(x, Marked) for x in flat)


def _refuse(name: str, args: tuple, flat: list, there: bool) -> None:
    """Raise what a real GPU's errors are, where it would.

    Args:
        flat: all arguments, those within lists too.
        there: whether numbers that are drawn are drawn on the GPU.
    """
    marked = [x for x in flat if isinstance(x, Marked)]
    hosted = [x for x in flat if isinstance(x, Tensor) and not isinstance(x, Marked) and (x.ndim or name in JOINED)]
    if marked and hosted and name not in MIXED:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found cuda:0 and cpu, in {name}")
    if name in INDEXING:
        _refuse_index(isinstance(args[0], Marked), *args[1:3])
    for generator in (x for x in flat if isinstance(x, Plain)):
        if (generator.device == GPU) != there:
            here, found = ("cuda", "cpu") if there else ("cpu", "cuda")
            raise RuntimeError(f"Expected a {here!r} device type for generator but found {found!r}, in {name}")
    if name in CPU_ONLY or (name in PRODUCTS and any(not (x.is_floating_point() or x.is_complex()) for x in marked)):
        raise NotImplementedError(f"{name} is not implemented for CUDA and {marked[0].dtype}")


def _refuse_index(there: bool, index: Any, value: Any = None) -> None:
    """An index of the CPU goes everywhere, one of the GPU only there. What is put at places must be where it is put."""
    by = [x for x in tree_leaves(index) if isinstance(x, Tensor) and x.ndim > 0]
    if not there and any(isinstance(x, Marked) for x in by):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    if by and isinstance(value, Tensor) and value.ndim > 0 and isinstance(value, Marked) != there:
        raise RuntimeError("Expected all tensors to be on the same device: what is set, and where, by an index")


def _stays(name: str, args: tuple, kwargs: dict, asked: torch.device | None, marked: list) -> bool:
    """Whether what comes out is on the GPU."""
    if name in ("cpu", "__repr__"):
        return False
    like = next((x for x in [*args[1:], *kwargs.values()] if isinstance(x, Tensor)), None) if name in MOVES else None
    if like is not None:
        return isinstance(like, Marked)
    if name in FIRST or (name in MADE and asked is None):
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
