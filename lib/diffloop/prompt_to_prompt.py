"""Prompt-to-Prompt: change a prompt and keep the attention maps, so that the picture keeps its layout.

    edit = swap(models.tokenizer, ["a red ball on grass"], ["a blue ball on grass"])
    before, after = prompt_to_prompt(models, ["a red ball on grass"], ["a blue ball on grass"], edit, generator=g)

Both prompts are drawn from the same noise in one batch: sources first, targets after. At each cross-attention layer an
edit takes the two sets of maps and returns the ones that the targets use; their values stay those of the target prompt.
An edit is a function (source's maps, target's own) -> maps. `swap`, `refine` and `reweight` make the paper's three.

The network is not changed: a hook recomputes the targets' rows of a layer. Only the rows under a prompt are
edited, not those of the empty one, as in the authors' code for Stable Diffusion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from difflib import SequenceMatcher
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffloop.attention import word_positions
from diffloop.guidance import Guidance
from diffloop.levels import Level, initial_std
from diffloop.noise import draw_noise
from diffloop.text_to_image import check_prompts, decode_latents, denoise, ladder, prompted_model
from diffloop.transfer import carried
from diffloop.types import Callback, Generators, Images, Latents, Model, Models, Size
from diffloop.words import expand_words

Maps = Float[Tensor, "n heads pixels tokens"]
Edit = Callable[[Tensor, Tensor], Tensor]  # (the sources' maps, the targets' own) -> the maps that the targets use


def prompt_to_prompt(
    models: Models,
    sources: Sequence[str],
    targets: Sequence[str],
    edit: Edit,
    *,
    injected: float = 0.8,
    generator: Generators | None = None,
    x_T: Latents | None = None,
    steps: int = 50,
    guidance_scale: float | Guidance = 7.5,
    size: Size | None = None,
    callback: Callback | None = None,
) -> tuple[Images, Images]:
    """(pictures of the sources, edited pictures): two prompts from one noise, by DDIM, with the maps edited.

    Source: hertz2022prompttoprompt, Algorithm 1, with both prompts in one batch and the edit within the layers.

    Args:
        models: with a U-Net whose cross-attention layers are called "attn2", such as Stable Diffusion's.
        sources, targets: prompts, one of each per picture.
        edit: from `swap`, `refine` or `reweight`.
        injected: the share of the steps, from the first one on, in which maps are edited; in [0, 1].
        generator, x_T: as for `text_to_image`, for the sources; the targets get the same noise.
        steps, guidance_scale, size: as for `text_to_image`; negative prompts: the sources', then the targets'.
        callback: as for `text_to_image`; the states are those of the sources and then of the targets.

    Raises:
        ValueError: if sources and targets differ in number, injected is not in [0, 1], or x_T has another shape; see
            `prompted_model`.
    """
    if len(check_prompts("sources", sources)) != len(check_prompts("targets", targets)):
        raise ValueError(f"{len(sources)} sources and {len(targets)} targets; give one of each per picture")
    levels = ladder(models, steps, None)
    tau = injection_end(levels, injected)
    shape = (len(sources), models.latent_channels, *models.latent_size(size))
    if x_T is None:
        x_T = draw_noise(shape, generator, device=models.device)
    elif tuple(x_T.shape) != shape:
        raise ValueError(f"x_T has shape {tuple(x_T.shape)}; it must be {shape}")
    model = prompted_model(models, [*sources, *targets], guidance_scale, size=size)
    model = with_edited_maps(model, models.network, edit, tau=tau)
    x_T = initial_std(levels[0]) * x_T.to(models.device, torch.float32)
    x_0 = denoise(models, model, torch.cat([x_T, x_T]), levels, callback=callback)
    before, after = decode_latents(models, x_0).chunk(2)
    return before, after


def with_edited_maps(model: Model, network: nn.Module, edit: Edit, *, tau: float = 0.0, layers: str = "attn2") -> Model:
    """The model with its attention maps edited at the levels of t >= tau: for any sampler.

        maps <- edit(M, M*) if t >= tau, else M*

    Source: hertz2022prompttoprompt, Sec. 3.2: Edit(M, M*, t), and the soft constraint on word swaps (its t < tau).

    Args:
        model: takes a batch of sources and then as many targets, and shows the network their prompts in the last rows,
            as `prompted_model` and `null_text.null_text_model` do.
        network: its U-Net.
        edit: from `swap`, `refine` or `reweight`; or any function of the two maps.
        tau: in what the network is told of time; see `injection_end`. 0: at every level.
        layers: how the names of the layers to edit end: "attn2", the cross-attention; "attn1" is the self-attention,
            whose maps are pixels by pixels; the authors' code edits these too, by (M, M*) -> M.

    Raises:
        ValueError: when called: if the batch is odd, or the network has no such layer.
    """

    def edited(x_t: Tensor, level: Level) -> Any:
        if level.t < tau:
            return model(x_t, level)
        with _hooked(network, edit, len(x_t), layers):
            return model(x_t, level)

    return edited


def injection_end(levels: Sequence[Level], injected: float) -> float:
    """tau for `with_edited_maps`: such that the first round(injected * steps) levels of a ladder are edited.

    Raises:
        ValueError: if injected is not in [0, 1].
    """
    if not 0 <= injected <= 1:
        raise ValueError(f"injected is {injected}; it is a share of the steps and must be in [0, 1]")
    k = round(injected * (len(levels) - 1))
    return levels[k - 1].t if k else float("inf")


def swap(tokenizer: Any, sources: Sequence[str], targets: Sequence[str]) -> Edit:
    """The edit for prompts in which words were exchanged: all maps are the source's.

    Where one word has more tokens than the other, the weight of the old ones is spread evenly over the new ones, so
    that weights still sum to 1 at each pixel.

    Source: hertz2022prompttoprompt, Sec. 3.2 (word swap).

    Args:
        tokenizer: of `StableDiffusion`.
        sources, targets: prompts, one of each per picture.

    Raises:
        ValueError: if words were added or left out, rather than exchanged.
    """
    pairs = [_aligned(tokenizer, *pair, exchange=True) for pair in zip(sources, targets, strict=True)]
    moved = torch.stack([moved for moved, _ in pairs])[:, None]  # n 1 source-tokens target-tokens
    return lambda source, own: source @ carried(moved, source.device, source.dtype)


def refine(tokenizer: Any, sources: Sequence[str], targets: Sequence[str]) -> Edit:
    """The edit for prompts to which words were added: the source's maps for tokens that both have, else the target's.

    Source: hertz2022prompttoprompt, Sec. 3.2 (a new phrase): A(j) is the source's token for the target's j, or None.

    Args:
        tokenizer, sources, targets: as for `swap`.
    """
    pairs = [_aligned(tokenizer, *pair, exchange=False) for pair in zip(sources, targets, strict=True)]
    moved, kept = (torch.stack(parts)[:, None] for parts in zip(*pairs, strict=True))
    kept = kept[:, :, None]  # n 1 1 target-tokens

    def edit(source: Tensor, own: Tensor) -> Tensor:
        ours, theirs = (carried(t, source.device, source.dtype) for t in (kept, moved))
        return source @ theirs + ours * own

    return edit


def reweight(tokenizer: Any, targets: Sequence[str], words: Sequence[str], scale: float, *, edit: Edit | None) -> Edit:
    """The edit that makes a word count more or less: its maps are multiplied by c, the others stay.

    Source: hertz2022prompttoprompt, Sec. 3.2 (re-weighting), with c in [-2, 2].

    Args:
        tokenizer: of `StableDiffusion`.
        targets: prompts.
        words: one per prompt, see `attention.word_positions`.
        scale: c, finite; 1 changes nothing.
        edit: an edit that is done first; None: the maps are the source's.

    Raises:
        ValueError: if a prompt does not contain its word.
    """
    factors = torch.ones(len(targets), 1, 1, tokenizer.model_max_length)
    for row, target, word in zip(factors, targets, words, strict=True):
        row[..., word_positions(tokenizer, target, word)] = scale

    def scaled(source: Tensor, own: Tensor) -> Tensor:
        maps = source if edit is None else edit(source, own)
        return maps * carried(factors, maps.device, maps.dtype)

    return scaled


def _aligned(tokenizer: Any, source: str, target: str, *, exchange: bool) -> tuple[Tensor, Tensor]:
    """Which token of the source each of the target's gets its map from, (length, length) with columns of shares; and
    which tokens keep their own, (length,) of 0 and 1. exchange: one that differs gets that of the one in its place."""
    length = tokenizer.model_max_length
    short = {"truncation": True, "max_length": length}
    old, new = (list(tokenizer(expand_words(tokenizer, p), **short).input_ids) for p in (source, target))
    moved, kept = torch.zeros(length, length), torch.zeros(length)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    uneven = {"insert", "delete"} & {code[0] for code in codes}
    if exchange and uneven and len(source.split()) == len(target.split()):  # words of which some tokens are alike
        (_, _, i, _, j), (_, i_end, _, j_end, _) = codes[0], codes[-1]  # the tokens of start and end
        codes = [codes[0], ("replace", i, i_end, j, j_end), codes[-1]]
    for kind, i, i_end, j, j_end in codes:
        if kind == "equal" or (kind == "replace" and exchange and i_end - i == j_end - j):
            moved[range(i, i_end), range(j, j_end)] = 1.0
        elif kind == "replace" and exchange:
            moved[i:i_end, j:j_end] = 1 / (j_end - j)
        elif exchange:
            raise ValueError(f"from {source!r} to {target!r} words are added or left out, not exchanged; use `refine`")
        else:
            kept[j:j_end] = 1.0
    padding = length - max(len(old), len(new))  # the n-th token of padding takes the place of the n-th
    moved[range(len(old), len(old) + padding), range(len(new), len(new) + padding)] = 1.0
    kept[len(new) + padding :] = 0.0 if exchange else 1.0
    return moved, kept


@contextmanager
def _hooked(network: nn.Module, edit: Edit, b: int, ending: str) -> Iterator[None]:
    """Inside the `with`, the last b rows of what the layers get are b/2 sources and b/2 targets; the latter's maps are
    edited."""
    layers = [layer for name, layer in network.named_modules() if name.endswith("." + ending)]
    if b % 2 or not layers:
        raise ValueError(
            f"a batch of {b} and {len(layers)} layers called {ending!r}; the batch must be sources and as "
            "many targets, and the network a U-Net with such layers"
        )
    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(layer.register_forward_hook(partial(_edit_rows, edit, b), with_kwargs=True).remove)
        yield


def _edit_rows(edit: Edit, b: int, layer: nn.Module, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
    x = args[0][-b:]  # b pixels channels
    text = kwargs.get("encoder_hidden_states")
    told = x if text is None else text[-b:]
    q, k, v = (part.unflatten(2, (layer.heads, -1)).transpose(1, 2) for part in _projected(layer, x, told))
    maps = (q.float() @ k.float().mT * q.shape[-1] ** -0.5).softmax(-1)
    maps = edit(*maps.chunk(2)).to(v)
    out = (maps @ v[b // 2 :]).transpose(1, 2).flatten(2)  # b/2 pixels channels
    return torch.cat([output[: -(b // 2)], layer.to_out[0](out)])


def _projected(layer: nn.Module, x: Tensor, told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return layer.to_q(x), layer.to_k(told), layer.to_v(told)
