"""Whether networks are, bit for bit, what they were."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def fingerprint(*networks: nn.Module) -> str:
    """SHA-256 of names, types, shapes and bits of all weights and buffers, in hexadecimal; the same on every device.

    Raises:
        ValueError: if there is no network, or one has no weights.
    """
    states = [network.state_dict() for network in networks]
    if not states or not all(states):
        raise ValueError(f"{len(networks)} networks, {sum(map(bool, states))} with weights; each needs some")
    digest = hashlib.sha256()
    for state in states:
        for name, tensor in sorted(state.items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        digest.update(b"\0")
    return digest.hexdigest()
