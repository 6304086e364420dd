"""Network calls that a GPU repeats by itself: what a CUDA graph is, and when one may replace a call.

    models = load("models/tiny", device="cuda")                 # graphs=True is the default there
    models = load("models/tiny", device="cuda", graphs=False)   # every call through Python

A GPU receives its work in small pieces, kernels. One call of a U-Net is a thousand or two of them, and Python takes
about ten microseconds to launch each. At a batch size of one, many kernels finish before the next one arrives, and the
GPU waits for Python more than half of the time. A CUDA graph is the list of those kernels, recorded once while Python
launches them (capture) and later started as a whole by one short call (replay).

A replay runs the same kernels on the same addresses, and nothing else. Three rules follow:

1. The inputs are copied to where the captured call read them.
2. The result is copied from where it wrote it: the next replay writes there again, and samplers keep earlier results.
3. Python does not run: no hook is called, and nothing that was added since is noticed, be it another LoRA or weights
   at other addresses. So before each replay the network is compared with what it was (`watched.py`), and if it has
   changed, its graphs are discarded. Values written into its weights, as an optimizer does, do not count as a change:
   the kernels read them.

Where a replay would be wrong, the call is made without one: with gradients, autocast, hooks (as
`attention.cross_attention_maps` sets them), in training mode, or on a stream of the caller's own.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every_module

from diffloop.watched import Watched

Run = Callable[..., Tensor]  # (network, *tensors) -> tensor, a function of these alone


class Graphs:
    """Calls networks, by a graph where there is one: `graphs(network, run, *inputs)` is run(network, *inputs).

    The first call of a kind (function, shapes, types, settings of torch) is made as usual, and the second one is
    captured, so a call that occurs only once costs nothing extra.

    Args:
        most: how many graphs of one network are kept; the least recently used one is dropped.
        capture: whether to make graphs at all.
        compiled: whether calls go through torch.compile, with graphs or without.
    """

    def __init__(self, most: int = 8, *, capture: bool = True, compiled: bool = False) -> None:
        self.most, self.capture, self.compiled = most, capture, compiled
        self._networks: WeakKeyDictionary[nn.Module, _Known] = WeakKeyDictionary()
        self._compiled: dict[Run, Run] = {}
        self._said: set[str] = set()
        self._aside: dict[torch.device, Any] = {}  # the stream of all captures: a library keeps memory for each stream
        self._lock = threading.RLock()  # a call's inputs, replay and result must not mix with another thread's

    def __reduce__(self) -> tuple:
        return _again, (self.most, self.capture, self.compiled)  # a copy makes its own

    def __call__(self, network: nn.Module, run: Run, *inputs: Tensor) -> Tensor:
        """run(network, *inputs), in memory of the caller's own; where no gradients are needed, the same bit for bit.

        Args:
            run: computes nothing on the CPU, and keeps no state; the same function at every call, not a new closure.

        Warns:
            UserWarning: once, if the network cannot be captured, and why.
        """
        if _in_python(inputs[0].device):
            return run(network, *inputs)
        with self._lock:
            known = self._networks.get(network)
            if known is None or known.changed(network):
                known = self._networks[network] = _Known(network)
            if known.strange:
                self._say(known.strange)
            if known.strange or known.busy:
                return run(network, *inputs)
            if self.compiled:
                run = self._compiled.get(run) or self._compiled.setdefault(run, torch.compile(run, dynamic=False))
            graph = self._graph(known, network, run, inputs) if self.capture else None
            return run(network, *inputs) if graph is None else graph.replay(inputs)

    def _graph(self, known: _Known, network: nn.Module, run: Run, inputs: tuple[Tensor, ...]) -> _Graph | None:
        """The graph of such a call, captured at the second one; None: make it as usual."""
        kind = (run, *((x.shape, x.stride(), x.dtype, x.device) for x in inputs), *_settings())
        if kind not in known.graphs:
            known.graphs[kind] = "called once"
            if len(known.graphs) > self.most:
                known.graphs.popitem(last=False)
            return None
        known.graphs.move_to_end(kind)
        if known.graphs[kind] == "called once":
            others = [other.graph.pool() for other in known.graphs.values() if isinstance(other, _Graph)]
            device = inputs[0].device
            aside = self._aside[device] = self._aside.get(device) or torch.cuda.Stream(device)
            try:
                known.graphs[kind] = _capture(network, run, inputs, next(iter(others), None), aside)
            except RuntimeError as error:  # something in the call waits for the GPU, or memory is short
                known.graphs[kind] = None
                self._say(f"could not be captured as a CUDA graph ({str(error).strip().splitlines()[0]})")
        return known.graphs[kind]

    def _say(self, reason: str) -> None:
        if reason not in self._said:
            self._said.add(reason)
            end = "it is called without graphs, which is slower but as right; load(..., graphs=False) silences this"
            warnings.warn(f"the network {reason}: {end}", stacklevel=4)


@dataclass(frozen=True)
class _Graph:
    """A captured call: its kernels, and where they read and write."""

    graph: Any
    inputs: tuple[Tensor, ...]
    output: Tensor

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.output.clone()


@torch.no_grad()
def _capture(network: nn.Module, run: Run, inputs: tuple[Tensor, ...], pool: Any, aside: Any) -> _Graph:
    """The graph of run(network, *inputs). Nothing is computed during the capture.

    Args:
        pool: the memory for what is computed between input and output, that of the network's other graphs: no two of
            them run at once, and a result is copied out before the next one starts. None: there are no others.
        aside: a stream, as nothing else may run on the one that is captured.
    """
    with torch.inference_mode(False):  # what is made inside it cannot be written to outside
        static = tuple(torch.empty_like(x) for x in inputs)
        for mine, given in zip(static, inputs, strict=True):
            mine.copy_(given)
        current = torch.cuda.current_stream(inputs[0].device)
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            run(network, *static)  # what libraries set up at the first call on a stream
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=aside, capture_error_mode="thread_local"):
            output = run(network, *static)
        return _Graph(graph, static, output)


class _Known(Watched):
    """A network, and the graphs of its calls."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.graphs: OrderedDict[tuple, Any] = OrderedDict()  # kind of call -> its graph, None, or "called once"


def _in_python(device: torch.device) -> bool:
    """Whether the call must go through Python, whatever the network."""
    hooks = every_module._global_forward_hooks or every_module._global_forward_pre_hooks
    if hooks or torch.is_grad_enabled() or torch.is_autocast_enabled(device.type) or torch.compiler.is_compiling():
        return True
    return device.type == "cuda" and (
        torch.cuda.is_current_stream_capturing()
        or torch.cuda.current_stream(device) != torch.cuda.default_stream(device)
    )


def _settings() -> tuple:
    """Settings of torch on which the choice of kernels depends."""
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    attention = (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled())
    exact = (cuda.matmul.fp32_precision, cudnn.conv.fp32_precision, torch.are_deterministic_algorithms_enabled())
    return (*attention, cuda.math_sdp_enabled(), *exact, cudnn.enabled, cudnn.benchmark, cudnn.deterministic)


def callers(device: torch.device, graphs: bool | None, compiled: bool) -> Graphs | None:
    """What calls a checkpoint's networks on this device, from two arguments of `pretrained.load`; see there for what is
    raised."""
    if graphs and device.type != "cuda":
        raise ValueError(f"graphs is True and device {str(device)!r}; only a CUDA device has graphs: leave it out")
    if compiled:
        try:
            torch.compile(lambda x: x.sin() + 1)(torch.zeros(8, device=device))
        except Exception as error:  # of many types, by what is missing
            raise RuntimeError(
                f"compile is True, and torch.compile does not work for device {str(device)!r} here "
                f"({type(error).__name__}: {str(error).strip().splitlines()[0]}). It needs a C++ compiler such as g++, "
                "and on a GPU Triton: install them, or leave compile out"
            ) from error
    capture = device.type == "cuda" if graphs is None else graphs
    return Graphs(capture=capture, compiled=compiled) if capture or compiled else None


def _again(most: int, capture: bool, compiled: bool) -> Graphs:
    return Graphs(most, capture=capture, compiled=compiled)
