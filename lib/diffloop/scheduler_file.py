"""A checkpoint's scheduler file: read for its noise schedule; what our loops would misread raises an error naming it.

The class that a file names is a solver's. What belongs to the network is the schedule that it was trained on and what
it predicts; which solver then samples is the caller's choice, and a note says so where the file names another one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffloop.schedules import (
    alphas_cumprod_from_betas,
    cosine_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)

PREDICTION_TYPES = {"epsilon": "eps", "v_prediction": "v", "sample": "x_0"}
BETA_SCHEDULES = {"linear": linear_betas, "scaled_linear": scaled_linear_betas, "squaredcos_cap_v2": cosine_betas}
SPACINGS = ("leading", "trailing", "linspace")
CHOICES = {
    "prediction_type": ("epsilon", tuple(PREDICTION_TYPES)),
    "beta_schedule": ("linear", tuple(BETA_SCHEDULES)),
    "timestep_spacing": ("leading", SPACINGS),
}
OURS = ("DDIMScheduler", "DDIMParallelScheduler", "DDIMInverseScheduler")
SOLVERS = (  # of the same trained timesteps (VP): only the steps between them differ
    *OURS, "DDPMScheduler", "DDPMParallelScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "DPMSolverMultistepInverseScheduler",
    "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler",
    "SASolverScheduler",
)  # fmt: skip
OWN_ENDS = {  # defaults of these classes where a file leaves out beta_start and beta_end
    name: {"beta_start": 0.00085, "beta_end": 0.012}
    for name in SOLVERS
    if name.startswith(("Heun", "KDPM2", "DPMSolverSDE"))
}
FAMILIES = (  # part of a class's name, and what such a network is
    ("FlowMatch", "flow matching: states (1 - t) x_0 + t eps, and a network that predicts a velocity"),
    ("FlowMap", "a flow map: states (1 - t) x_0 + t eps"),
    ("EDM", "EDM's continuous noise levels, with its preconditioning around the network"),
    ("CosineDPM", "continuous noise levels with EDM's preconditioning"),
    ("LCM", "a consistency model: one step leads to clean data, and DDIM's steps do not apply"),
    ("TCD", "a consistency model: one step leads to clean data, and DDIM's steps do not apply"),
    ("CMStochastic", "a consistency model on continuous noise levels"),
    ("SCM", "a consistency model on a continuous angle"),
    ("ScoreSde", "a variance-exploding process on continuous noise levels"),
    ("UnCLIP", "unCLIP: the network predicts its variance as well"),
    ("CogVideoX", "CogVideoX: a schedule shifted by snr_shift_scale"),
)
OWN = "sample this checkpoint with its own Diffusers pipeline"
OTHER_CHECKPOINT = (
    "use a checkpoint trained on discrete VP timesteps, as Stable Diffusion 1, 2 and XL are, "
    "or sample this one with its own Diffusers pipeline"
)
FLOW = "with a U-Net our loops know trained VP timesteps, not flow matching; " + OTHER_CHECKPOINT
CONTINUOUS = "our loops know trained, discrete timesteps; " + OTHER_CHECKPOINT
REFUSED = {  # fields that change a result and that we do not follow: their harmless values, and the way out
    "thresholding": (
        (False, None),
        "set it to false: clipping by quantiles is for pixels, and Diffusers, too, advises against it on latents",
    ),
    "timestep_type": (("discrete", None), CONTINUOUS),
    "variance_type": (
        ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", None),
        "it must be a fixed one: our loops read every output channel as the prediction; " + OTHER_CHECKPOINT,
    ),
    "use_flow_sigmas": ((False, None), FLOW),
    "flow_shift": ((1, None), FLOW),
    "shift": ((1, None), FLOW),
    "use_dynamic_shifting": ((False, None), FLOW),
    "sigma_data": ((None,), CONTINUOUS),
    "snr_shift_scale": ((1, None), OTHER_CHECKPOINT),
}
STEPPING = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")

KNOWN = {  # every field of these classes; one that is in none of them is reported
    *CHOICES, *REFUSED, *STEPPING, "num_train_timesteps", "beta_start", "beta_end", "trained_betas", "steps_offset",
    "set_alpha_to_one", "rescale_betas_zero_snr", "clip_sample", "clip_sample_range", "sample_max_value",
    "dynamic_thresholding_ratio", "skip_prk_steps", "interpolation_type", "sigma_min", "sigma_max", "final_sigmas_type",
    "algorithm_type", "solver_type", "solver_order", "solver_p", "lower_order_final", "euler_at_final",
    "lambda_min_clipped", "predict_x0", "disable_corrector", "predictor_order", "corrector_order", "tau_func",
    "noise_sampler_seed", "time_shift_type", "shift_terminal", "use_exponential_sigmas", "set_alpha_to_zero",
}  # fmt: skip

FLOW_SOLVER = "FlowMatchEulerDiscreteScheduler"
FLOW_REFUSED = (  # fields of that class that make another ladder, or other steps
    "use_dynamic_shifting", "shift_terminal", "invert_sigmas", "use_karras_sigmas", "use_exponential_sigmas",
    "use_beta_sigmas", "stochastic_sampling",
)  # fmt: skip
FLOW_KNOWN = {  # the others are read only where shifting is dynamic
    *FLOW_REFUSED, "num_train_timesteps", "shift", "base_shift", "max_shift", "base_image_seq_len",
    "max_image_seq_len", "time_shift_type",
}  # fmt: skip


def scheduler_settings(
    config: dict[str, Any], path: Path, *, learned_variance: bool = False
) -> tuple[dict[str, Any], str]:
    """The noise schedule of a scheduler's file, and a note about it.

    Fields that the file leaves out get the defaults of Diffusers' DDIMScheduler, as DDIMScheduler.from_config does;
    beta_start and beta_end those of the class that the file names. `clip_sample` is not followed: Diffusers' pipelines
    for latents turn it off, whatever the file says.

    Args:
        config: what the file holds.
        path: of the file, for messages.
        learned_variance: whether the family's class leaves out the channels in which a network predicts its variance.

    Returns:
        the fields of StableDiffusion and StableDiffusionXL that come from the file; and a note for the user if the
        file names another solver or a spacing of noise levels that we do not follow, else "".

    Raises:
        ValueError: if the class is not one for discrete VP timesteps, or a field has a value that we would misread.
    """
    name = config.get("_class_name") or OURS[0]
    _check_class(name, path)
    for key, (harmless, way_out) in REFUSED.items():
        if key in config and config[key] not in harmless and not (learned_variance and key == "variance_type"):
            raise ValueError(f"{path}: {key} is {config[key]!r}, which is not supported; {way_out}")
    values = {key: config.get(key, default) for key, (default, _) in CHOICES.items()}
    for key, (_, legal) in CHOICES.items():
        if values[key] not in legal:
            hint = f". {FLOW[0].upper()}{FLOW[1:]}" if "flow" in str(values[key]) else ""
            raise ValueError(f"{path}: {key} is {values[key]!r}; choose one of {', '.join(map(repr, legal))}{hint}")
    for key in ("rescale_betas_zero_snr", "set_alpha_to_one"):
        if not isinstance(config.get(key, False), bool | None):
            raise ValueError(f"{path}: {key} is {config[key]!r}; it must be true or false")
    betas = _betas(config, values["beta_schedule"], OWN_ENDS.get(name, {}), path)
    settings = {
        "alphas_cumprod": alphas_cumprod_from_betas(betas),
        "prediction": PREDICTION_TYPES[values["prediction_type"]],
        "spacing": values["timestep_spacing"],
        "steps_offset": _whole(config, "steps_offset", 0, 0, path),
        "set_alpha_to_one": config.get("set_alpha_to_one", True),
    }
    return settings, _note(name, config)


def flow_settings(config: dict[str, Any], path: Path) -> tuple[dict[str, Any], str]:
    """The ladder of a flow's scheduler file, and a note about it.

    Args, Raises: as for `scheduler_settings`, with the one class and the fields of Stable Diffusion 3.

    Returns:
        the fields of StableDiffusion3 that come from the file; and a note for the user if the file has fields that
        we do not know, else "".
    """
    name = config.get("_class_name") or FLOW_SOLVER
    if name != FLOW_SOLVER:
        raise ValueError(f"{path}: _class_name is {name!r}; Stable Diffusion 3 is supported with {FLOW_SOLVER}; {OWN}")
    for key in FLOW_REFUSED:
        if config.get(key):
            raise ValueError(
                f"{path}: {key} is {config[key]!r}, which is not supported; it must be false or null; {OWN}"
            )
    shift = config.get("shift", 1.0)
    if not isinstance(shift, int | float) or isinstance(shift, bool) or not 0 < shift < math.inf:
        raise ValueError(f"{path}: shift is {shift!r}; it must be a number above 0 (3.0 for Stable Diffusion 3)")
    unknown = _unknown(config, FLOW_KNOWN)
    note = f"its scheduler file has {', '.join(unknown)}, which we do not follow" if unknown else ""
    return {"shift": float(shift), "T": _whole(config, "num_train_timesteps", 1000, 1, path)}, note


def _check_class(name: Any, path: Path) -> None:
    if name in SOLVERS:
        return
    what = next((f" ({what})" for part, what in FAMILIES if part in str(name)), "")
    raise ValueError(
        f"{path}: _class_name is {name!r}{what}, which is not supported; supported: {', '.join(SOLVERS)}. "
        f"{OTHER_CHECKPOINT[0].upper()}{OTHER_CHECKPOINT[1:]}"
    )


def _betas(config: dict[str, Any], schedule: str, ends: dict[str, float], path: Path) -> Tensor:
    trained = config.get("trained_betas")
    T = _whole(config, "num_train_timesteps", 1000 if trained is None else len(trained), 1, path)
    if trained is not None and len(trained) != T:
        raise ValueError(
            f"{path}: trained_betas has {len(trained)} values and num_train_timesteps is {T}; make them equal"
        )
    ends = {"beta_start": 1e-4, "beta_end": 0.02} | ends
    ends = {key: config.get(key, default) for key, default in ends.items()}
    try:
        if trained is not None:
            betas = torch.tensor(trained, dtype=torch.float64)
            if not ((betas > 0) & (betas < 1)).all():
                raise ValueError("a trained beta is not in (0, 1)")
        else:
            betas = cosine_betas(T) if schedule == "squaredcos_cap_v2" else BETA_SCHEDULES[schedule](T, **ends)
        return rescale_zero_terminal_snr(betas) if config.get("rescale_betas_zero_snr") else betas
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}; correct the file or download it again") from error


def _whole(config: dict[str, Any], key: str, default: int, least: int, path: Path) -> int:
    value = config.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{path}: {key} is {value!r}; it must be an integer >= {least}")
    return value


def _note(name: str, config: dict[str, Any]) -> str:
    said = [] if name in OURS else [f"this checkpoint was published with {name.removesuffix('Scheduler')}"]
    other = [f"{key} ({config[key]})" for key in STEPPING if config.get(key)]
    other += _unknown(config, KNOWN)
    if other:
        said.append(f"its scheduler file has {', '.join(other)}, which we do not follow")
    if not said:
        return ""
    said.append(
        "you sample with DDIM unless you pass another sampler: the noise schedule is the file's, the steps are not"
    )
    return "; ".join(said)


def _unknown(config: dict[str, Any], known: set[str]) -> list[str]:
    return [f"{key} (unknown)" for key in sorted(config) if not key.startswith("_") and key not in known]
