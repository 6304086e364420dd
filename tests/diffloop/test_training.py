"""The training loop: resumed to the same bits, refusing what is not its own, and its loss against a hand-computed one."""

import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from tests.diffloop.tiny_models import assert_same_run, cut_off_and_resumed, seeded
from torch import nn

from diffloop import training
from diffloop.denoising import denoising_loss, stratified
from diffloop.levels import vp_level
from diffloop.parameterization import add_noise, v_from_x_0_eps
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas
from diffloop.training import check_trains, train, write_whole

BARS = alphas_cumprod_from_betas(linear_betas())
OPTIMIZERS = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD, "AdamW": torch.optim.AdamW}


def start(kind="Adam", seed=0, lr=0.1):
    weight = nn.Parameter(torch.linspace(-1, 1, 5))
    return weight, OPTIMIZERS[kind]([weight], lr=lr), seeded(seed)


def noisy(weight):
    return lambda generator: ((weight - torch.rand(5, generator=generator)) ** 2).mean()


def never(generator):
    raise AssertionError("this must not be called")


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("at", [1, 7, 10, 12, 25])
def test_cut_off_and_resumed_is_as_left_alone(tmp_path, kind, at):
    def run(path):
        weight, optimizer, generator = start(kind)
        losses = train(noisy(weight), optimizer, steps=25, generator=generator, checkpoint=path, save_every=5)
        return losses, lambda: [weight.detach()]

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "run.pt", at=at))
    assert os.listdir(tmp_path) == ["run.pt"]


def test_a_finished_run_is_not_run_again_and_can_be_extended(tmp_path):
    weight, optimizer, generator = start()
    first = list(train(noisy(weight), optimizer, steps=10, generator=generator, checkpoint=tmp_path / "a.pt"))
    other, optimizer, generator = start()
    again = train(never, optimizer, steps=10, generator=generator, checkpoint=tmp_path / "a.pt")
    assert list(again) == first
    assert torch.equal(other, weight)
    third, optimizer, generator = start()
    longer = list(train(noisy(third), optimizer, steps=15, generator=generator, checkpoint=tmp_path / "a.pt"))
    assert longer[:10] == first
    alone, optimizer, generator = start()
    assert longer == list(train(noisy(alone), optimizer, steps=15, generator=generator))


KILLED = """
import os, signal, sys
import torch
from diffloop.training import train
weight, generator = torch.nn.Parameter(torch.linspace(-1, 1, 5)), torch.Generator().manual_seed(0)
loss_at = lambda g: ((weight - torch.rand(5, generator=g)) ** 2).mean()
rename = os.replace
def killed(*paths):  # the third file is written, but not yet renamed
    killed.calls += 1
    os.kill(os.getpid(), signal.SIGKILL) if killed.calls == 3 else rename(*paths)
killed.calls = 0
os.replace = killed
list(train(loss_at, torch.optim.Adam([weight], lr=0.1), steps=25, generator=generator, checkpoint=sys.argv[1], save_every=5))
"""


def test_a_killed_process_is_resumed_as_left_alone(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(training.__file__).parents[1])}
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run.pt")], env=environment, timeout=120)
    assert died.returncode == -signal.SIGKILL
    alone, resumed = (start() for _ in range(2))
    expected = list(train(noisy(alone[0]), alone[1], steps=25, generator=alone[2]))
    weight, optimizer, generator = resumed
    run = train(noisy(weight), optimizer, steps=25, generator=generator, checkpoint=tmp_path / "run.pt")
    first = list(islice(run, 10))
    assert len(torch.load(tmp_path / "run.pt")["losses"]) == 10  # of two files of five steps each
    assert first + list(run) == expected
    assert torch.equal(weight, alone[0])


def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_whole(path, lambda temporary: temporary.write_text("old"))

    def killed(temporary):
        temporary.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, killed)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize(
    ("change", "word"),
    [({"seed": 1}, "seed"), ({"lr": 0.2}, "optimizer"), ({"kind": "SGD"}, "optimizer")],
)
def test_a_file_of_another_run_is_refused(tmp_path, change, word):
    weight, optimizer, generator = start()
    list(train(noisy(weight), optimizer, steps=3, generator=generator, checkpoint=tmp_path / "a.pt"))
    weight, optimizer, generator = start(**change)
    with pytest.raises(ValueError, match=f"of another run: its {word} was"):
        next(train(noisy(weight), optimizer, steps=3, generator=generator, checkpoint=tmp_path / "a.pt"))
    assert torch.equal(weight, torch.linspace(-1, 1, 5))


@pytest.mark.parametrize(("where", "word"), [("weight", "starting point"), ("inputs", "data")])
def test_another_start_or_other_data_is_refused(tmp_path, where, word):
    for other in (0.0, 1e-3):
        weight, optimizer, generator = start()
        if where == "weight":
            weight.data += other
        inputs = [torch.full((10_000,), other if where == "inputs" else 0.0)]
        run = train(noisy(weight), optimizer, steps=3, generator=generator, checkpoint=tmp_path / "a.pt", inputs=inputs)
        if other:
            with pytest.raises(ValueError, match=f"of another run: its {word} was"):
                next(run)
        else:
            list(run)


def test_a_damaged_file_and_too_few_steps_are_refused(tmp_path):
    weight, optimizer, generator = start()
    list(train(noisy(weight), optimizer, steps=5, generator=generator, checkpoint=tmp_path / "a.pt"))
    weight, optimizer, generator = start()
    with pytest.raises(ValueError, match=r"steps is 3; .*a.pt already holds 5"):
        next(train(noisy(weight), optimizer, steps=3, generator=generator, checkpoint=tmp_path / "a.pt"))
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a.pt cannot be read .*delete it"):
        next(train(noisy(weight), optimizer, steps=5, generator=generator, checkpoint=tmp_path / "a.pt"))


def test_gradients_reach_only_what_the_optimizer_holds():
    weight, optimizer, generator = start()
    other = nn.Parameter(torch.ones(5))
    list(train(lambda g: ((weight * other) ** 2).mean(), optimizer, steps=2, generator=generator))
    assert other.grad is None
    assert torch.equal(other, torch.ones(5))


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
def test_denoising_loss_is_the_hand_computed_one(prediction):
    x_0 = torch.randn(4, 2, 3, generator=seeded(1))
    ours = denoising_loss(lambda x, t: 0.5 * x, x_0, BARS, seeded(2), prediction=prediction)
    g = seeded(2)
    t = stratified(4, 1000, g)
    eps = torch.randn(4, 2, 3, generator=g)
    for i in range(4):
        level = vp_level(BARS[t[i]].item())
        x_t = add_noise(x_0[i], eps[i], level)
        target = {"eps": eps[i], "x_0": x_0[i], "v": v_from_x_0_eps(x_0[i], eps[i], level)}[prediction]
        torch.testing.assert_close(ours[i], ((0.5 * x_t - target) ** 2).mean(), atol=1e-6, rtol=1e-6)


def test_stratified_timesteps_are_uniform_and_one_a_stratum():
    g, counts = seeded(), torch.zeros(10)
    for _ in range(400):
        t = stratified(5, 10, g)
        assert sorted((t // 2).tolist()) == [0, 1, 2, 3, 4]
        counts[t] += 1
    assert ((counts - 200).abs() < 50).all()  # five standard deviations of a binomial(400, 1/2)
    first = torch.stack([stratified(5, 10, g)[0] for _ in range(400)])
    assert set(first.tolist()) == set(range(10))


WEIGHT = nn.Parameter(torch.ones(2))
OPTIMIZER = torch.optim.SGD([WEIGHT], lr=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: train(sum, OPTIMIZER, steps=0, generator=seeded()), ["steps is 0", ">= 1"]),
        (lambda: train(sum, OPTIMIZER, steps=1, save_every=0, generator=seeded()), ["save_every is 0", ">= 1"]),
        (
            lambda: train(sum, torch.optim.SGD([torch.ones(2)], lr=0.1), steps=1, generator=seeded()),
            ["1 of 1 tensors", "do not need gradients", "full_copy or lora_copy"],
        ),
        (
            lambda: list(train(lambda g: WEIGHT.sum() * torch.nan, OPTIMIZER, steps=1, generator=seeded())),
            ["the loss is nan at step 0", "finite"],
        ),
        (lambda: list(train(lambda g: WEIGHT, OPTIMIZER, steps=1, generator=seeded())), ["one finite number"]),
        (lambda: check_trains(OPTIMIZER, [torch.ones(2)], "the embedding"), ["1 tensors", "not the embedding"]),
        (
            lambda: denoising_loss(lambda x, t: x, torch.ones(1, 2), BARS, seeded(), prediction="x0"),
            ["'x0'", "'eps', 'x_0', 'v'"],
        ),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_the_fingerprint_of_a_large_tensor_is_a_sample():
    assert training._digest([torch.zeros(10**6)]) != training._digest([torch.zeros(10**6 + 1)])
    assert training._digest([torch.zeros(3)]) != training._digest([torch.zeros(3, dtype=torch.float64)])
