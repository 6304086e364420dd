"""Stable Diffusion 3, as `pretrained.load` returns it: two CLIPs, usually a T5, and a transformer on a flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from diffloop.checkpoint_files import Configs
from diffloop.graphs import Graphs
from diffloop.ladders import flow_levels
from diffloop.latents import InLatents, latent_size
from diffloop.levels import Level, told
from diffloop.stable_diffusion import tokenized
from diffloop.stable_diffusion_xl import ENCODERS, clip_states
from diffloop.types import Extra, Latents, Size, Timesteps
from diffloop.words import expand_words

T5_TOKENS = 256  # its context; as many zeros replace it where it is absent


class Text(NamedTuple):
    """What the transformer is told, one row per item."""

    states: Float[Tensor, "b tokens width"]  # the CLIPs' side by side, padded with zeros; then the T5's
    pooled: Float[Tensor, "b width_12"]  # of both CLIPs, projected, side by side


@dataclass(frozen=True)
class StableDiffusion3(InLatents):
    """Stable Diffusion 3 and 3.5: two CLIP text encoders, a T5 that may be absent, a VAE of 16 channels, and a
    transformer that predicts a flow's velocity. A `types.Models`, in evaluation mode, without gradients."""

    tokenizer: Any = field(repr=False)
    text_encoder: nn.Module = field(repr=False)
    tokenizer_2: Any = field(repr=False)
    text_encoder_2: nn.Module = field(repr=False)
    vae: nn.Module = field(repr=False)
    transformer: nn.Module = field(repr=False)
    shift: float  # of the ladder, see `ladders.flow_levels`
    T: int  # the transformer is told T * noise
    tokenizer_3: Any = field(default=None, repr=False)
    text_encoder_3: nn.Module | None = field(default=None, repr=False)
    prediction: str = "velocity"
    inpaints: bool = False  # no such checkpoint takes a mask: `inpaint` works by replacement
    graphs: Graphs | None = field(default=None, repr=False, compare=False)
    note: str = field(default="", repr=False)  # what `load` warned of

    @staticmethod
    def misfits(configs: Configs) -> list[str]:
        """What the parts' config.json files ask for and this class does not do."""
        if not {"transformer", "vae", *ENCODERS} <= set(configs):
            return []
        network, latents = configs["transformer"], configs["vae"].get("latent_channels", 4)
        clips, reasons = [configs[part] for part in ENCODERS], []
        for key, verb in (("in_channels", "takes"), ("out_channels", "gives")):
            n = network.get(key, 16) or network.get("in_channels", 16)  # null: as many as it takes
            if n != latents:
                reasons.append(f"the transformer {verb} {n} channels; it must be the VAE's {latents}")
        pooled, width = (sum(clip.get(key, 512) for clip in clips) for key in ("projection_dim", "hidden_size"))
        if (n := network.get("pooled_projection_dim", 2048)) != pooled:
            reasons.append(f"the transformer takes {n} numbers of pooled text, and the CLIPs give {pooled}")
        takes, t5 = network.get("joint_attention_dim", 4096), configs.get("text_encoder_3", {}).get("d_model")
        if takes < width or (t5 is not None and t5 != takes):
            given = f"{width}, the T5 {t5}" if t5 is not None else f"{width}"
            reasons.append(f"the transformer takes text of width {takes}, and the CLIPs together give {given}")
        return reasons

    @property
    def network(self) -> nn.Module:
        """The transformer."""
        return self.transformer

    def levels(self, steps: int, timesteps: Timesteps | None = None) -> list[Level]:
        """The straight ladder with the checkpoint's shift, down to clean data, or the one over these timesteps.

        Equal to Diffusers' FlowMatchEulerDiscreteScheduler, which shifts the last noise of its range, 1 / T, twice:
        once alone, once with all the others.

        Args:
            timesteps: T * noise of each call, falling, in (0, T]; they are not shifted.

        Raises:
            ValueError: if timesteps is empty, does not fall or leaves (0, T]; see `flow_levels`.
        """
        if timesteps is None:
            last = self.shift / (self.T + self.shift - 1)
            return flow_levels(steps, shift=self.shift, last=last, T=self.T)
        ts = torch.as_tensor(timesteps, dtype=torch.float64).tolist()
        if not ts or any(a <= b for a, b in pairwise(ts)) or not 0 < ts[-1] <= ts[0] <= self.T:
            raise ValueError(f"timesteps is {ts}; they must fall, be in (0, {self.T}], and not be empty")
        return [*(Level(1 - t / self.T, t / self.T, t) for t in ts), Level(1.0, 0.0, 0.0)]

    def latent_size(self, size: Size | None) -> tuple[int, int]:
        """Height and width of latents for a picture of this size; None: as the transformer was trained.

        Raises:
            ValueError: if the sides are not positive multiples of scale * patch_size, or larger than the transformer
                has positions.
        """
        config = self.transformer.config
        p, most = config.patch_size, config.pos_embed_max_size
        if size is None:
            size = tuple(n * self.scale for n in latent_size(None, trained=config.sample_size, scale=self.scale))
        h, w = latent_size(size, trained=None, scale=self.scale * p)  # in patches
        if most is not None and max(h, w) > most:
            raise ValueError(
                f"size is {size}; the transformer has positions for {most * p * self.scale} pixels along a side"
            )
        return p * h, p * w

    @torch.no_grad()
    def encode_text(self, prompts: Sequence[str | None], *, size: Size | None = None) -> Text:
        """What the transformer is told of the prompts, each distinct one encoded once. None is the empty prompt.

        A prompt longer than a context is cut there, with a warning that names what is lost: the CLIPs take 77 tokens,
        the T5 256. The size is only checked.

        Source: esser2024sd3, Sec. 4 (the pooled text, and the states padded to the T5's width).
        """
        self.latent_size(size)
        prompts = [prompt or "" for prompt in prompts]
        different = list(dict.fromkeys(prompts))
        pairs = [(self.tokenizer, self.text_encoder), (self.tokenizer_2, self.text_encoder_2)]
        clips, pooled = clip_states(pairs, different, self.device)
        t5 = self._t5(different, clips)
        states = torch.cat([pad(clips, (0, t5.shape[-1] - clips.shape[-1])), t5], dim=1)
        rows = [different.index(prompt) for prompt in prompts]
        return Text(states[rows], torch.cat(pooled, dim=-1)[rows])

    def _t5(self, prompts: Sequence[str], like: Tensor) -> Float[Tensor, "b tokens width"]:
        if self.text_encoder_3 is None:
            return like.new_zeros(len(prompts), T5_TOKENS, self.transformer.config.joint_attention_dim)
        words = [expand_words(self.tokenizer_3, prompt) for prompt in prompts]
        tokens = tokenized(self.tokenizer_3, words, length=T5_TOKENS)
        return self.text_encoder_3(tokens.input_ids.to(self.device))[0]  # padding is not masked, as in training

    @torch.no_grad()
    def predict(self, x_t: Latents, level: Level, condition: Text, *, extra: Extra | None = None) -> Latents:
        """The transformer's output in float32; inside, it computes in its own type.

        Args:
            condition: from `encode_text`.
            extra: None; no such checkpoint takes further channels.

        Raises:
            ValueError: if extra is given.
        """
        if extra is not None:
            raise ValueError("extra is given; the transformer takes no further channels")
        return self.call(_run, x_t, told(level.t, x_t).float(), condition.states, condition.pooled)


def _run(transformer: nn.Module, x: Tensor, t: Tensor, states: Tensor, pooled: Tensor) -> Tensor:
    """The call of a transformer, in its own type."""
    dtype = next(transformer.parameters()).dtype
    output = transformer(
        hidden_states=x.to(dtype),
        timestep=t.expand(len(x)),
        encoder_hidden_states=states.to(dtype),
        pooled_projections=pooled.to(dtype),
        return_dict=False,
    )
    return output[0].float()
