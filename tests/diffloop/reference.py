"""What the comparisons with Diffusers' schedulers share: the schedule, an exact cheap model, and a scheduler."""

import math

from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas

BARS = alphas_cumprod_from_betas(scaled_linear_betas())
SPACINGS = ["leading", "trailing", "linspace"]
NAMES = {"eps": "epsilon", "v": "v_prediction", "x_0": "sample"}


def model(prediction, bars=BARS):
    """Exact prediction for data ~ N(0.3, 0.5^2), elementwise."""

    def predict(x_t, t):
        a = float(bars[t])
        var = 0.25 * a + 1 - a
        off = x_t - math.sqrt(a) * 0.3
        x_0_hat, eps = 0.3 + math.sqrt(a) * 0.25 / var * off, math.sqrt(1 - a) / var * off
        return {"x_0": x_0_hat, "eps": eps, "v": math.sqrt(a) * eps - math.sqrt(1 - a) * x_0_hat}[prediction]

    return predict


def scheduler_of(scheduler_class, steps, spacing, prediction, **config):
    """A scheduler of Diffusers on the betas of BARS, its timesteps set; config: further settings, or others."""
    scheduler = scheduler_class(
        prediction_type=NAMES[prediction],
        timestep_spacing=spacing,
        **{"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"} | config,
    )
    scheduler.set_timesteps(steps)
    return scheduler
