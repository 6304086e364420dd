"""Files with a new word: of `save_concept`, of Diffusers' training script (.bin too) and of A1111 (.pt too)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

PICKLED = (".bin", ".pt", ".pth", ".ckpt")


def read_concept(path: str | Path) -> tuple[str, Tensor]:
    """The word of a file and its vectors, in the shape and the type that the file has.

    The word is what the file calls it. Where it names none (A1111's `emb_params`), it is the file's own name.

    Raises:
        ValueError: if the file cannot be read, needs code to be run, or does not hold one word.
    """
    path = Path(path)
    state = _read(path)
    if isinstance(state, Tensor):
        return path.stem, state
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}; it must hold one word and its vectors")
    if "string_to_param" in state:
        name = state.get("name")
        state = dict(state["string_to_param"].items())
        state = (
            {name if isinstance(name, str) and name else path.stem: v for v in state.values()}
            if len(state) == 1
            else state
        )
    elif list(state) == ["emb_params"]:
        state = {path.stem: state["emb_params"]}
    if len(state) != 1 or not all(isinstance(value, Tensor) for value in state.values()):
        shapes = {name: tuple(value.shape) if isinstance(value, Tensor) else value for name, value in state.items()}
        hint = (
            "; clip_l and clip_g are the two text encoders of SDXL, which is not supported" if "clip_l" in state else ""
        )
        raise ValueError(f"{path} holds {shapes}; it must hold one word{hint}")
    ((name, vectors),) = state.items()
    return str(name), vectors.detach()


def _read(path: Path) -> Any:
    """What is in the file. Pickles are read without running what they ask for."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix not in (".safetensors", *PICKLED):
        raise ValueError(f"{path} is not a .safetensors, .bin or .pt file; these can hold a word")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([nn.ParameterDict]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"{path} cannot be read ({reason}); it is damaged, of another kind than its name says, or a pickle that "
            "asks for more than tensors, which is not run: get it as .safetensors"
        ) from error
