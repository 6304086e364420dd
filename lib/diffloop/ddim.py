"""DDIM: one step for every eta, the sampling loop, and inversion.

At eta = 0 a step is deterministic, and is an Euler step of the probability-flow ODE in Karras' sigma. At eta = 1 it is
DDPM's step with the small variance. The "sigma-hat" row of the paper's Table 1 is DDPM's step with the large variance,
`ddpm_step(..., variance="large")`.

Against Diffusers' DDIMScheduler (with clip_sample=False) the results agree to rounding, with one departure: each step
here leads to the next timestep in the list. `schedules.strided_prev_timesteps` explains when Diffusers steps elsewhere,
and gives its choice as `prev_timesteps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from jaxtyping import Float, Int
from torch import Tensor

from diffloop.noise import Generators, draw_noise
from diffloop.parameterization import check_prediction, finite, predictions, x_0_from_eps
from diffloop.schedules import step_pairs

State = Float[Tensor, "b ..."]
Level = float | Float[Tensor, ""]
EpsModel = Callable[[Tensor, int], Tensor]


def ddim_step_std(alpha_bar_t: Level, alpha_bar_prev: Level, *, eta: float) -> float:
    """step_std, the standard deviation of the noise that a DDIM step adds (the paper's sigma(eta)).

        step_std = eta * sqrt((1 - alpha_bar_prev) / (1 - alpha_bar_t)) * sqrt(1 - alpha_bar_t / alpha_bar_prev)

    Source: song2021ddim, Eq. 16 (its alpha is alpha_bar).

    Args:
        alpha_bar_t: signal variance of x_t, in [0, 1].
        alpha_bar_prev: signal variance of the result, in [0, 1]; at least alpha_bar_t if eta > 0.
        eta: 0 (deterministic) to 1 (DDPM with the small variance).

    Returns:
        step_std as a Python float; 0 if eta is 0 or alpha_bar_prev is 1.

    Raises:
        ValueError: if eta or a level is not in [0, 1], or eta > 0 and alpha_bar_prev < alpha_bar_t.
    """
    a_t, a_prev = float(alpha_bar_t), float(alpha_bar_prev)
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]: 0 is deterministic, 1 is DDPM")
    if not (0 <= a_t <= 1 and 0 <= a_prev <= 1):
        raise ValueError(f"alpha_bar_t, alpha_bar_prev are {a_t}, {a_prev}; both must be in [0, 1]")
    if eta == 0 or a_prev == 1:
        return 0.0
    if a_prev < a_t:
        raise ValueError(
            f"alpha_bar_prev is {a_prev}; with eta > 0 it must be at least alpha_bar_t, {a_t}; or set eta to 0"
        )
    if a_prev == a_t:
        return 0.0
    return eta * math.sqrt((1 - a_prev) / (1 - a_t)) * math.sqrt(1 - a_t / a_prev)


def ddim_step(
    x_t: State,
    eps: State,
    *,
    alpha_bar_t: Level,
    alpha_bar_prev: Level,
    eta: float = 0.0,
    noise: State | None = None,
    x_0_hat: State | None = None,
) -> State:
    """x_prev: predict x_0, then noise it again to the level alpha_bar_prev, partly with the noise just predicted.

        x_0_hat = (x_t - sqrt(1 - alpha_bar_t) * eps) / sqrt(alpha_bar_t)
        x_prev  = sqrt(alpha_bar_prev) * x_0_hat + sqrt(1 - alpha_bar_prev - step_std ** 2) * eps + step_std * noise

    Source: song2021ddim, Eq. 12 (Eq. 7 with x_0_hat in the place of x_0); step_std from Eq. 16.

    Args:
        x_t: state at noise level alpha_bar_t.
        eps: predicted noise eps_hat(x_t, t).
        alpha_bar_t: signal variance of x_t, in [0, 1].
        alpha_bar_prev: signal variance of the result, in [0, 1]. Below alpha_bar_t (inversion) needs eta = 0.
        eta: 0 (deterministic) to 1 (DDPM).
        noise: standard normal, like x_t. May be None if step_std is 0.
        x_0_hat: use this prediction of x_0: a clipped one, or one that does not come from eps (alpha_bar_t = 0). eps
            stays as given, as in Diffusers with use_clipped_model_output=False.

    Returns:
        x_prev, like x_t.

    Raises:
        ValueError: see `ddim_step_std`; if noise is None and step_std > 0; if alpha_bar_t is 0 and x_0_hat is None.
    """
    step_std = ddim_step_std(alpha_bar_t, alpha_bar_prev, eta=eta)
    if step_std > 0 and noise is None:
        raise ValueError(
            f"noise is None; this step adds noise with step_std {step_std:.3g}: pass a standard normal tensor"
        )
    if x_0_hat is None:
        x_0_hat = x_0_from_eps(x_t, eps, alpha_bar_t=float(alpha_bar_t))
    a_prev = float(alpha_bar_prev)
    # 1 - a_prev - step_std**2 is never negative in exact arithmetic (it is 0 at most where eta = 1 and alpha_bar_t = 0)
    x_prev = math.sqrt(a_prev) * x_0_hat + math.sqrt(max(1 - a_prev - step_std**2, 0.0)) * eps
    return x_prev + step_std * noise if step_std > 0 else x_prev


def ddim_sample(
    eps_model: EpsModel,
    x_T: State,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    *,
    eta: float = 0.0,
    generator: Generators | None = None,
    prediction: str = "eps",
    set_alpha_to_one: bool = True,
    prev_timesteps: Int[Tensor, " n"] | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample: `*_, x_0 = ddim_sample(...)`.

    Source: song2021ddim, Eq. 12, over the sub-sequence of timesteps of its Sec. 4.2. With eta = 0 it is Eq. 13.

    Args:
        eps_model: (x_t, t) -> prediction, with t a Python int.
        x_T: the noise to start from, standard normal. Its type is the type of all states; use float64 for exact work.
        timesteps: decreasing, from `spaced_timesteps`.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        eta: 0 (deterministic) to 1 (DDPM).
        generator: one CPU generator, or one an image. Needed if eta > 0.
        prediction: what eps_model returns: "eps", "x_0" or "v".
        set_alpha_to_one: where the last step leads. True: to alpha_bar = 1, clean data. False: to alphas_cumprod[0],
            the cleanest level that the model was trained on; a little noise remains, as Stable Diffusion is configured.
        prev_timesteps: where each step leads; None: the next timestep in the list.

    Returns:
        a lazy iterator over len(timesteps) states. x_T is not among them.

    Raises:
        ValueError: at the call: see `step_pairs`, or eta not in [0, 1], prediction unknown, or generator None with
            eta > 0; while iterating: if the model returns NaN or infinity, or alpha_bar_t is 0 with prediction "eps".
    """
    check_prediction(prediction)
    ddim_step_std(0.5, 0.5, eta=eta)  # raises now, not at the first step, if eta is out of range
    if eta > 0 and generator is None:
        raise ValueError(
            f"generator is None; with eta = {eta} every step draws noise: pass a torch.Generator on the CPU"
        )
    pairs = step_pairs(timesteps, alphas_cumprod, prev_timesteps=prev_timesteps, set_alpha_to_one=set_alpha_to_one)

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for t, alpha_bar_t, alpha_bar_prev in pairs:
            output = finite(eps_model(x_t, t), t)
            x_0_hat, eps = predictions(output, x_t, alpha_bar_t=alpha_bar_t, prediction=prediction)
            noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device) if eta > 0 else None
            levels = {"alpha_bar_t": alpha_bar_t, "alpha_bar_prev": alpha_bar_prev}
            x_t = ddim_step(x_t, eps, **levels, eta=eta, noise=noise, x_0_hat=x_0_hat)
            yield x_t

    return states()


def ddim_invert(
    eps_model: EpsModel,
    x_0: State,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    *,
    prediction: str = "eps",
    set_alpha_to_one: bool = True,
) -> Iterator[Tensor]:
    """From an image to the noise that eta = 0 maps to it: the states of `ddim_sample`, walked backwards.

        x_next = sqrt(alpha_bar_next) * x_0_hat(x_t) + sqrt(1 - alpha_bar_next) * eps_hat(x_t, next)

    Source: song2021ddim, Eq. 13 and 14 with t increasing, and Sec. 5.4. The same as Diffusers' DDIMInverseScheduler.

    The step that samples from `next` to t uses eps_hat(x_next, next). Here x_next is not known yet, so the model is
    asked at (x_t, next): the right timestep, the state one step behind. This is the only error; it shrinks in
    proportion to the step.

    Args:
        x_0: the clean image; with set_alpha_to_one=False, an image at the level alphas_cumprod[0].
        timesteps: those that `ddim_sample` would visit, decreasing; walked from the last to the first.
        eps_model, alphas_cumprod, prediction, set_alpha_to_one: as for `ddim_sample`.

    Returns:
        a lazy iterator over len(timesteps) states, the last being x_T at timesteps[0].

    Raises:
        ValueError: at the call: see `step_pairs`, or prediction unknown; while iterating: if the model returns NaN or
            infinity, or prediction is "x_0" and the state is clean (its first step has no noise to read off).
    """
    check_prediction(prediction)
    pairs = step_pairs(timesteps, alphas_cumprod, set_alpha_to_one=set_alpha_to_one)

    def states() -> Iterator[Tensor]:
        x_t = x_0
        for t_next, alpha_bar_next, alpha_bar_t in reversed(pairs):
            output = finite(eps_model(x_t, t_next), t_next)
            x_0_hat, eps = predictions(output, x_t, alpha_bar_t=alpha_bar_t, prediction=prediction)
            x_t = ddim_step(x_t, eps, alpha_bar_t=alpha_bar_t, alpha_bar_prev=alpha_bar_next, x_0_hat=x_0_hat)
            yield x_t

    return states()
