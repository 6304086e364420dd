"""A scheduler's file is followed, told of, or refused: never misread."""

import json
import shutil
import warnings
from pathlib import Path

import diffusers
import pytest
import torch

from diffloop.pretrained import load
from diffloop.scheduler_file import KNOWN, REFUSED, SOLVERS, STEPPING, scheduler_settings

FILE = Path("somewhere/scheduler_config.json")
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

TESTED = [name for name in SOLVERS if name != "DPMSolverSDEScheduler"]  # which needs torchsde


@pytest.mark.parametrize("name", TESTED)
def test_every_solver_of_the_same_timesteps_gives_its_schedule_and_is_named(name):
    cls = getattr(diffusers, name)
    for given in (SD, {}):
        settings, note = scheduler_settings({"_class_name": name} | given, FILE)
        theirs = cls(**given).alphas_cumprod.double()
        torch.testing.assert_close(settings["alphas_cumprod"], theirs, atol=1e-6, rtol=1e-3)
        said = f"published with {name.removesuffix('Scheduler')};" in note and "you sample with DDIM" in note
        assert said != name.startswith("DDIM")


@pytest.mark.parametrize("name", TESTED)
def test_what_diffusers_itself_writes_is_read(name):
    config = json.loads(getattr(diffusers, name)(**SD).to_json_string())
    assert "unknown" not in scheduler_settings(config, FILE)[1]
    assert {key for key in config if not key.startswith("_")} <= set(KNOWN)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("FlowMatchEulerDiscreteScheduler", "flow matching"),
        ("FlowMatchHeunDiscreteScheduler", "flow matching"),
        ("EDMEulerScheduler", "EDM"),
        ("EDMDPMSolverMultistepScheduler", "EDM"),
        ("CosineDPMSolverMultistepScheduler", "EDM"),
        ("LCMScheduler", "consistency model"),
        ("TCDScheduler", "consistency model"),
        ("CMStochasticIterativeScheduler", "consistency model"),
        ("ScoreSdeVeScheduler", "variance-exploding"),
        ("UnCLIPScheduler", "variance"),
        ("CogVideoXDDIMScheduler", "snr_shift_scale"),
        ("NewScheduler", "not supported"),
        (["DDIMScheduler"], "not supported"),
    ],
)
def test_another_family_is_refused_by_name(name, words):
    with pytest.raises(ValueError, match="_class_name is") as error:
        scheduler_settings({"_class_name": name}, FILE)
    for word in (str(FILE), repr(name), words, "DDIMScheduler", "Use a checkpoint trained on discrete VP timesteps"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("DDIMScheduler", "thresholding", True),
        ("DPMSolverMultistepScheduler", "thresholding", True),
        ("EulerDiscreteScheduler", "timestep_type", "continuous"),
        ("DDPMScheduler", "variance_type", "learned_range"),
        ("DPMSolverMultistepScheduler", "variance_type", "learned"),
        ("UniPCMultistepScheduler", "use_flow_sigmas", True),
        ("UniPCMultistepScheduler", "flow_shift", 3.0),
        ("UniPCMultistepScheduler", "use_dynamic_shifting", True),
        ("UniPCMultistepScheduler", "prediction_type", "flow_prediction"),
        ("DDIMScheduler", "shift", 3.0),
        ("DDIMScheduler", "sigma_data", 0.5),
        ("DDIMScheduler", "snr_shift_scale", 3.0),
        ("EulerDiscreteScheduler", "prediction_type", None),
        ("SASolverScheduler", "beta_schedule", "exp"),
        ("DDIMScheduler", "num_train_timesteps", 0),
        ("DDIMScheduler", "num_train_timesteps", "1000"),
        ("DDIMScheduler", "num_train_timesteps", None),
        ("DDIMScheduler", "steps_offset", 0.5),
        ("DDIMScheduler", "steps_offset", -1),
        ("DDIMScheduler", "rescale_betas_zero_snr", "yes"),
        ("DDIMScheduler", "set_alpha_to_one", "false"),
    ],
)
def test_a_field_that_would_be_misread_is_refused_with_file_and_value(name, field, value):
    with pytest.raises(ValueError, match=field) as error:
        scheduler_settings({"_class_name": name} | SD | {field: value}, FILE)
    assert f"{FILE}: {field} is {value!r}" in str(error.value)


def test_a_family_that_leaves_out_the_learned_variance_says_so():
    config = {"_class_name": "DDPMScheduler"} | SD
    plain, _ = scheduler_settings(config, FILE)
    learned, _ = scheduler_settings(config | {"variance_type": "learned_range"}, FILE, learned_variance=True)
    assert torch.equal(learned["alphas_cumprod"], plain["alphas_cumprod"])
    with pytest.raises(ValueError, match="thresholding"):
        scheduler_settings(config | {"thresholding": True}, FILE, learned_variance=True)


@pytest.mark.parametrize(
    "given",
    [
        {"beta_start": "0.1"},
        {"beta_end": None},
        {"beta_start": -0.1},
        {"trained_betas": [0.1, 1.5]},
        {"trained_betas": [0.1, 0.2], "num_train_timesteps": 1000},
    ],
)
def test_a_schedule_that_cannot_be_made_names_the_file(given):
    with pytest.raises(ValueError, match=str(FILE)):
        scheduler_settings({"_class_name": "DDIMScheduler"} | given, FILE)


@pytest.mark.parametrize("field", [*STEPPING, "a_new_field"])
def test_a_field_that_is_not_followed_is_told(field):
    for name in ("DDIMScheduler", "DPMSolverMultistepScheduler"):
        assert field in scheduler_settings({"_class_name": name, field: True}, FILE)[1]


def test_values_without_effect_are_no_reason_to_refuse():
    for field, (harmless, _) in REFUSED.items():
        for value in harmless:
            assert scheduler_settings({field: value} | SD, FILE)[1] == ""


def test_load_warns_and_keeps_the_note(eps_folder, tmp_path):
    folder = shutil.copytree(eps_folder, tmp_path / "copy")
    path = folder / "scheduler/scheduler_config.json"
    config = json.loads(path.read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(folder).note == ""
    path.write_text(json.dumps(config | {"_class_name": "PNDMScheduler"}))
    with pytest.warns(UserWarning, match="published with PNDM; you sample with DDIM"):
        models = load(folder)
    assert "PNDM" in models.note
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "EDMEulerScheduler"]}))
    path.write_text(json.dumps({key: value for key, value in config.items() if key != "_class_name"}))
    with pytest.raises(ValueError, match="'EDMEulerScheduler'"):
        load(folder)
