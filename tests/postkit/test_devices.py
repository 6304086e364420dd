"""What a post shows may be on a GPU: a pretended one here."""

import numpy as np
import torch
from tests.diffloop.devices import pretended_gpu

from postkit.slider import slider
from postkit.verdicts import measurement


def test_frames_and_measurements_are_taken_from_a_gpu():
    frames = torch.linspace(0, 1, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3)
    how = {"labels": ["a", "b"], "name": "x", "alt": "y"}
    with pretended_gpu() as device:
        there = frames.to(device)
        shown = slider(list(there), **how)
        found = measurement("a", paper="p", measured=there.mean(), interval=(there.min(), there.max()), seeds=3)
    assert shown._repr_mimebundle_() == slider(list(np.asarray(frames)), **how)._repr_mimebundle_()
    assert (found.measured, found.interval) == (frames.mean().item(), (0.0, 1.0))
