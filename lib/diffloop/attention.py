"""Which pixel looks at which word: the U-Net's cross-attention, read while it runs.

    with cross_attention_maps(models.unet) as maps:
        models.predict(x_t, level, encode_prompts(models, [prompt]))
    red = word_map(maps, word_positions(models.tokenizer, prompt, "red"), size=(64, 64))

Nothing in the network changes: a hook on each layer computes the weights a second time from the layer's own inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from diffloop.words import expand_words

Maps = Float[Tensor, "b tokens h w"]


@contextmanager
def cross_attention_maps(unet: nn.Module) -> Iterator[dict[str, Maps]]:
    """Inside the `with`: a dict of the attention weights of the U-Net's latest call, by layer, in call order.

        softmax(Q K^T / sqrt(d)), Q from the pixels, K from the tokens, averaged over the heads

    Source: vaswani2017attention, Eq. 1; rombach2022ldm, Sec. 3.3.

    Args:
        unet: a Diffusers UNet2DConditionModel, or any network whose cross-attention layers are called "attn2", lie in
            blocks whose first input is (b, channels, h, w), and get the text by `encoder_hidden_states`.

    Yields:
        layer name -> weights (b, tokens, h, w), float32, >= 0, of sum 1 over the tokens at each pixel; h and w differ
        between layers. Empty before the first call. In a guided call the batch holds both halves, the unconditional
        one first.

    Raises:
        ValueError: if the network has no such layer.
    """
    layers = {name: layer for name, layer in unet.named_modules() if name.endswith(".attn2")}
    if not layers:
        raise ValueError(f"{type(unet).__name__} has no layer called 'attn2'; pass a U-Net that takes text")
    maps: dict[str, Maps] = {}
    sizes: dict[str, tuple[int, int]] = {}
    with ExitStack() as hooks:
        for name, layer in layers.items():
            block = name.split(".transformer_blocks")[0]  # the one that turns (h, w) into a list of pixels
            hook = unet.get_submodule(block).register_forward_pre_hook(partial(_note_size, sizes, block))
            hooks.callback(hook.remove)
            hook = layer.register_forward_pre_hook(partial(_keep_weights, maps, name, sizes, block), with_kwargs=True)
            hooks.callback(hook.remove)
        yield maps


def word_positions(tokenizer: Any, prompt: str, word: str) -> list[int]:
    """Positions of a word's tokens in a prompt, counting the start token as 0; all of them if the word recurs.

    Args:
        tokenizer: that of a `StableDiffusion`.
        word: one word or more, as the prompt spells it; a word may be several tokens.

    Raises:
        ValueError: if the part of the prompt that the text encoder reads does not contain the word.
    """
    ids = tokenizer(expand_words(tokenizer, prompt), truncation=True, max_length=tokenizer.model_max_length).input_ids
    wanted = tokenizer(expand_words(tokenizer, word)).input_ids[1:-1]  # without start and end
    n = len(wanted)
    starts = [i for i in range(1, len(ids) - n) if n and ids[i : i + n] == wanted]
    if not starts:
        raise ValueError(f"the prompt {prompt!r} does not contain the word {word!r}; choose one of {prompt.split()}")
    return [i + k for i in starts for k in range(n)]


def word_map(
    maps: Mapping[str, Maps], positions: Sequence[int], *, size: tuple[int, int], layers: Iterable[str] | None = None
) -> Float[Tensor, "b height width"]:
    """How much each pixel looks at a word: the mean over its tokens and over layers, each brought to one size.

    Args:
        maps: from `cross_attention_maps`.
        positions: from `word_positions`; the same for the whole batch.
        size: (height, width) of the result, by bilinear interpolation.
        layers: names, keys of maps; None: all.

    Returns:
        weights in [0, 1], float32.

    Raises:
        ValueError: if there are no positions, no layers, or a layer is not in maps.
    """
    names = list(maps if layers is None else layers)
    if unknown := [name for name in names if name not in maps]:
        raise ValueError(f"unknown layers {unknown}; choose among {list(maps)}")
    if not names or len(positions) == 0:
        raise ValueError(f"{len(names)} layers and {len(positions)} positions; give at least one of each")
    chosen = [maps[name][:, list(positions)].mean(1, keepdim=True) for name in names]
    resized = [interpolate(m, size, mode="bilinear", align_corners=False) for m in chosen]
    return torch.cat(resized, 1).mean(1)


def _note_size(sizes: dict, block: str, module: nn.Module, args: tuple) -> None:
    sizes[block] = tuple(args[0].shape[2:])


@torch.no_grad()
def _keep_weights(maps: dict, name: str, sizes: dict, block: str, layer: nn.Module, args: tuple, kwargs: dict) -> None:
    q, k = layer.to_q(args[0]), layer.to_k(kwargs["encoder_hidden_states"])
    q, k = (x.unflatten(2, (layer.heads, -1)).transpose(1, 2).float() for x in (q, k))  # b heads n d
    weights = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1).mean(1)  # b pixels tokens
    maps.pop(name, None)  # so that the order is that of the latest call
    maps[name] = weights.mT.unflatten(2, sizes[block])
