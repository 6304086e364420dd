"""The oracle: grades pictures against captions. It was trained on renders (`stage_oracle`), so it knows the truth.

score(images, captions)   how often each attribute, and all at once, is as the caption says
read(images)              what the oracle sees, as scenes
segment(images)           the things' masks
frechet_distance(a, b)    between the features of two sets of pictures
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from tinyworld.captions import Words, parse
from tinyworld.checkpoint import VERSION
from tinyworld.scene import COLOURS, GROUNDS, SHAPES, SIZES, Scene, decode

# Columns of `scene.encode` and how many values each takes. A count of 3 means three or more.
HEADS = {
    "count": 4,
    "ground": len(GROUNDS),
    **{
        f"{what} {k}": len(words)
        for k in (0, 1)
        for what, words in zip(("shape", "colour", "size"), (SHAPES, COLOURS, SIZES), strict=True)
    },
}
FEATURES = 128


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(8, outputs), nn.SiLU(inplace=True))


class Oracle(nn.Module):
    """Pictures in [-1, 1] (b, 3, 64, 64) -> logits by head, features (b, 128), mask logits (b, 4, 64, 64).

    Mask classes: 0 nothing, then the things left to right. `width` scales all channels; 32 is the trained model's.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        w = width
        self.at32 = nn.Sequential(_block(3, w, 2, 5), _block(w, w))
        self.at16 = nn.Sequential(_block(w, 2 * w, 2), _block(2 * w, 2 * w))
        self.at8 = nn.Sequential(_block(2 * w, 4 * w, 2), _block(4 * w, 4 * w))
        self.at4 = _block(4 * w, 4 * w, 2)
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(64 * w, FEATURES), nn.SiLU())
        self.heads = nn.Linear(FEATURES, sum(HEADS.values()))
        self.up16 = _block(6 * w, w)
        self.up32 = _block(2 * w, w)
        self.masks = nn.Sequential(nn.Conv2d(w, 16, 3, 1, 1), nn.PixelShuffle(2))

    def trunk(self, images: Tensor) -> list[Tensor]:
        """Activations at 32, 16 and 8 pixels per side; the VAE's feature loss compares them."""
        out = [self.at32(images)]
        for layer in (self.at16, self.at8):
            out.append(layer(out[-1]))
        return out

    def forward(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        at32, at16, at8 = self.trunk(images)
        features = self.features(self.at4(at8))
        logits = dict(zip(HEADS, self.heads(features).split(list(HEADS.values()), dim=1), strict=True))
        up = self.up16(torch.cat([F.interpolate(at8, scale_factor=2.0), at16], 1))
        up = self.up32(torch.cat([F.interpolate(up, scale_factor=2.0), at32], 1))
        return logits, features, self.masks(up)


class Score(NamedTuple):
    """Shares in [0, 1] with bootstrap intervals, each (mean, low, high). `by` has "count", "ground", "shape", "colour"
    and "size", where a caption mentions them, and "all": everything said is right. `right` is that, per picture."""

    by: dict[str, tuple[float, float, float]]
    right: Tensor


def load_oracle(folder: str | Path = "models/tiny-oracle", *, device: str | torch.device = "cpu") -> Oracle:
    """The trained oracle.

    Raises:
        ValueError: if the folder or a file is missing, truncated or of another version.
    """
    config, weights = Path(folder) / "config.json", Path(folder) / "model.safetensors"
    try:
        found = json.loads(config.read_text())
        state = load_file(weights)
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete oracle ({error}); train and export it again") from error
    if found.get("version") != VERSION:
        raise ValueError(f"{config} is of version {found.get('version')}; this code reads version {VERSION}")
    oracle = Oracle(found["width"])
    oracle.load_state_dict({k: v.float() for k, v in state.items()})
    return oracle.to(device).requires_grad_(False).eval()


@torch.no_grad()
def _run(oracle: Oracle, images: Tensor, batch: int = 128) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Argmax of each head (n,), features (n, 128) and mask classes (n, 64, 64), all on the CPU."""
    if images.dtype != torch.uint8 or images.shape[1:] != (3, 64, 64):
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; they must be uint8 (n, 3, 64, 64)")
    device, seen, features, masks = next(oracle.parameters()).device, [], [], []
    for chunk in images.split(batch):
        logits, feature, mask = oracle(chunk.to(device).float() / 127.5 - 1.0)
        seen.append({name: v.argmax(1).cpu() for name, v in logits.items()})
        features.append(feature.float().cpu())
        masks.append(mask.argmax(1).cpu())
    return {name: torch.cat([s[name] for s in seen]) for name in HEADS}, torch.cat(features), torch.cat(masks)


def read(images: Tensor, oracle: Oracle) -> list[Scene]:
    """What the oracle sees in uint8 pictures (n, 3, 64, 64); of three things or more, the outer two."""
    seen, _, _ = _run(oracle, images)
    return [decode([int(seen[name][i]) for name in HEADS]) for i in range(len(images))]


def segment(images: Tensor, oracle: Oracle) -> Tensor:
    """Masks of the left and the right thing, bool (n, 2, 64, 64), found in uint8 pictures (n, 3, 64, 64)."""
    _, _, masks = _run(oracle, images)
    return torch.stack([masks == 1, masks == 2], 1)


def features(images: Tensor, oracle: Oracle) -> Tensor:
    """Features (n, 128) of uint8 pictures, for `frechet_distance`."""
    return _run(oracle, images)[1]


def score(images: Tensor, captions: Sequence[str], oracle: Oracle, *, resamples: int = 1000, seed: int = 0) -> Score:
    """Grade pictures: is each thing that the caption says as it says, left to right? What it leaves unsaid is free.

    Args:
        images: uint8 (n, 3, 64, 64), n >= 1.
        captions: one per picture; see `captions.parse`.
        resamples: of the bootstrap over pictures, for the 95 % intervals.

    Raises:
        ValueError: if the numbers of pictures and captions differ, a caption does not parse, or images are not uint8.
    """
    if len(images) != len(captions) or len(captions) == 0:
        raise ValueError(f"{len(images)} images, {len(captions)} captions; give one caption per image, at least one")
    seen, _, _ = _run(oracle, images)
    wanted = [parse(text) for text in captions]
    checks = [_compare({name: int(seen[name][i]) for name in HEADS}, words) for i, words in enumerate(wanted)]
    generator = torch.Generator().manual_seed(seed)
    by = {}
    for what in ("count", "ground", "shape", "colour", "size", "all"):
        values = torch.tensor([float(c[what]) for c in checks if what in c])
        if len(values):
            by[what] = bootstrap(values, resamples, generator)
    return Score(by, torch.tensor([c["all"] for c in checks]))


def bootstrap(values: Tensor, resamples: int, generator: torch.Generator) -> tuple[float, float, float]:
    """(mean, low, high) of values (n,): the 95 % percentile interval of the mean over resampled sets."""
    at = torch.randint(len(values), (resamples, len(values)), generator=generator)
    low, high = torch.quantile(values[at].mean(1), torch.tensor([0.025, 0.975])).tolist()
    return float(values.mean()), low, high


def _compare(seen: dict[str, int], words: Words) -> dict[str, bool]:
    """Which attributes are as the words say; for two things without a relation, in the better order."""
    orders = [words.things] if words.ordered else [words.things, words.things[::-1]]
    results = []
    for things in orders:
        right: dict[str, bool] = {"count": seen["count"] == len(things)}
        if words.ground is not None:
            right["ground"] = GROUNDS[seen["ground"]] == words.ground
        for k, thing in enumerate(things):
            for what, value, legal in zip(("shape", "colour", "size"), thing, (SHAPES, COLOURS, SIZES), strict=True):
                if value is not None:
                    right[what] = right.get(what, True) and legal[seen[f"{what} {k}"]] == value
        results.append({**right, "all": all(right.values())})
    return max(results, key=lambda r: sum(r.values()))


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to two sets of features (n, d) and (m, d); 0 for equal ones.

        |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)

    It shrinks with the number of pictures: compare only distances of equal n and m, n well above d = 128.

    Raises:
        ValueError: if a set has fewer than two rows.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"the sets have {len(a)} and {len(b)} pictures; each needs at least 2")
    a, b = a.double(), b.double()
    cov_a, cov_b = (torch.cov(x.T).reshape(x.shape[1], x.shape[1]) for x in (a, b))
    root = _psd_root(cov_a)
    cross = _psd_root(root @ cov_b @ root)
    distance = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace()
    return float((distance - 2 * cross.trace()).clamp(min=0))


def _psd_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
