"""Whether a network is unchanged: the condition under which a captured call of it may be replayed (see `graphs.py`).

What a call computes depends on the inputs, on the values of the weights, and on what is compared here: the modules,
their attributes (LoRA's scale and switch, an attention's processor, a convolution's padding), hooks, and where the
weights lie.
"""

from __future__ import annotations

from itertools import chain
from operator import is_, itemgetter

from torch import nn

USUAL = frozenset(vars(nn.Module())) - {"training"}  # what every module has
TABLES = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks")
KNOWN = ("torch", "diffusers", "transformers", "peft")  # whose layers do at a second call what they did at the first


class Watched:
    """A network as it is now.

    A thousand modules may have to be compared before each call, so no Python loop may go over what each one holds. It
    takes about a millisecond, while the GPU is busy with the step before.

    Attributes:
        strange: why no call may be captured, or "".
        busy: whether a call must go through Python as the network is now: it has hooks, or parts in training mode.
    """

    def __init__(self, network: nn.Module) -> None:
        modules = [*network.modules()]
        self.strange = next(filter(None, map(_strange, modules)), "")
        self.busy = any(m.training or m._forward_hooks or m._forward_pre_hooks for m in modules)
        self._below = modules[1:]  # not the network itself, which may be freed
        self._own, tables = [vars(m) for m in modules], []
        for own in self._own:
            tables += [own[name] for name in TABLES]
            tables += [v for name, v in own.items() if name not in USUAL and isinstance(v, dict | list | set)]
            tables += [vars(own["processor"])] if hasattr(own.get("processor"), "__dict__") else []
        self._sized = [*self._own, *tables]
        self._views = [t.values() if isinstance(t, dict) else t for t in tables]  # a view follows its dict
        self._others = [itemgetter("_parameters", "_modules", *(k for k in own if k not in USUAL)) for own in self._own]
        self._weights = [own[name].values() for own in self._own for name in ("_parameters", "_buffers")]
        self._before = self._now(network)

    def changed(self, network: nn.Module) -> bool:
        """Whether anything in the network has changed: a module, an attribute, a hook, a weight's address."""
        try:
            (held, numbers), (held_before, numbers_before) = self._now(network), self._before
        except KeyError:  # an attribute is gone
            return True
        return numbers != numbers_before or len(held) != len(held_before) or not all(map(is_, held, held_before))

    def _now(self, network: nn.Module) -> tuple[list[object], list[int]]:
        held = [type(network), *map(type, self._below), *chain.from_iterable(self._views)]
        held += chain.from_iterable([get(own) for get, own in zip(self._others, self._own, strict=True)])
        addresses = [w.data_ptr() for w in chain.from_iterable(self._weights) if w is not None]
        return held, [*map(len, self._sized), *addresses]


def _strange(module: nn.Module) -> str:
    """Why a module may do in Python, at each call, what a graph would leave out; or ''."""
    kinds = [type(module), *([type(module.processor)] if hasattr(module, "processor") else [])]
    unknown = [f"{k.__module__}.{k.__qualname__}" for k in kinds if k.__module__.partition(".")[0] not in KNOWN]
    if unknown:
        return f"has a {unknown[0]}, which may do something else at each call"
    return f"has a {type(module).__qualname__} whose forward was replaced" if "forward" in vars(module) else ""
