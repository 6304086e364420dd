"""CUDA graphs on a machine without a GPU: `torch.cuda.graph` writes down each operation with the tensors it worked on, and
`replay` does the operations again on those very tensors.

What makes real graphs go wrong goes wrong here too: no Python runs in a replay; the inputs are read and the result is
written where they lay during the capture; nothing is computed during the capture, so that a result is there only after a
replay (until then, and between replays, whatever the graph computes is NaN); and to read a number, to copy from or to the
host, or to capture on a stream on which nothing was run before, is an error.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import ClassVar
from weakref import WeakSet

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = {"_local_scalar_dense", "item", "is_nonzero", "nonzero", "masked_select", "equal", "_unique2", "unique_dim"}


class Stream:
    ran = False  # whether anything was done on it

    def __init__(self, device=None):
        pass

    def wait_stream(self, other):
        pass


_all = WeakSet()
DEFAULT = Stream()
DEFAULT.ran = True


class Graph:
    """A captured graph. `replays` counts those of all, `alive` the graphs."""

    replays: ClassVar[int] = 0
    alive: ClassVar[int] = 0
    capturing: ClassVar[Graph | None] = None

    def __init__(self):
        self.tape, self.made, self.memory = [], [], None
        Graph.alive += 1
        _all.add(self)

    def __del__(self):
        Graph.alive -= 1

    def pool(self):
        return self.memory

    def replay(self):
        Graph.replays += 1
        with torch._C.DisableTorchFunction(), torch.no_grad():
            self.forget()
            for func, args, kwargs, results in self.tape:
                for mine, new in zip(results, _tensors(func(*args, **kwargs)), strict=True):
                    if mine.data_ptr() != new.data_ptr():  # a view, or written in place
                        mine.copy_(new)

    def forget(self):
        for tensor in self.made:
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)


class _Tape(TorchDispatchMode):
    def __init__(self, graph):
        super().__init__()
        self.graph = graph

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        given = _tensors((args, kwargs))
        if name in WAITS or (name.startswith("index") and any(x.dtype == torch.bool for x in given)):
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing, in {name}")
        with torch._C.DisableTorchFunction():
            result = func(*args, **kwargs)
        results = _tensors(result)
        self.graph.tape.append((func, args, kwargs, results))
        before = {x.untyped_storage().data_ptr() for x in given}
        self.graph.made += [x for x in results if x.untyped_storage().data_ptr() not in before]
        return result


@contextmanager
def _graph(graph, *, pool, stream, capture_error_mode):
    assert stream.ran, "nothing was run on this stream before its capture"
    assert pool is None or any(other.memory is pool for other in _all), "the pool went with the last of its graphs"
    graph.memory, Graph.capturing = pool or object(), graph
    try:
        with _Tape(graph):
            yield
    finally:
        Graph.capturing = None
        with torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
            graph.forget()


@contextmanager
def _on(stream):
    stream.ran = True
    before, _Current.stream = _Current.stream, stream
    yield
    _Current.stream = before


class _Current:
    stream = DEFAULT


PRETENDED = {
    "CUDAGraph": Graph,
    "graph": _graph,
    "Stream": Stream,
    "stream": _on,
    "current_stream": lambda device=None: _Current.stream,
    "default_stream": lambda device=None: DEFAULT,
    "is_current_stream_capturing": lambda: Graph.capturing is not None,
}


@contextmanager
def pretended_graphs():
    """Inside it, `torch.cuda` has graphs and streams."""
    before = {name: getattr(torch.cuda, name) for name in PRETENDED}
    try:
        for name, value in PRETENDED.items():
            setattr(torch.cuda, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(torch.cuda, name, value)


def _tensors(tree):
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]
