"""Files that hold a new word: from `save_concept`, Diffusers' training script (also .bin) or A1111 (also .pt)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

PICKLED = (".bin", ".pt", ".pth", ".ckpt")


def read_concept(path: str | Path) -> tuple[str, Tensor]:
    """The word in a file and its vectors, in the file's shape and type.

    The word is the name that the file gives it or, where it gives none (A1111's `emb_params`), the file's own name.

    Raises:
        ValueError: if the file cannot be read, would have to run code, or does not hold exactly one word.
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
    """The file's content. Pickles are read without running any code in them."""
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
            f"{path} cannot be read ({reason}); it is damaged, not of the type that its name says, or a pickle that "
            "holds more than tensors, which is not run: get it as .safetensors"
        ) from error
