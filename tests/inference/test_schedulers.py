"""ColorizeNet's samplers against diffusers' own, step for step."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from colorize_service.inference.colorizenet.schedulers import Diffusion, table

TRAINED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def reference(sampler: str, prediction_type: str):
    common = {
        "num_train_timesteps": 1000,
        "timestep_spacing": "leading",
        "steps_offset": 1,
        "prediction_type": prediction_type,
        **TRAINED,
    }
    if sampler == "ddim":
        return DDIMScheduler(set_alpha_to_one=False, clip_sample=False, **common)
    return DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", solver_order=2, use_karras_sigmas=True, **common)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 20, 31, 50])
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver"])
def test_each_step_is_the_one_that_diffusers_makes(sampler, prediction_type, steps):
    theirs = reference(sampler, prediction_type)
    theirs.set_timesteps(steps)
    ours = table(Diffusion(prediction_type=prediction_type, train_timesteps=1000, **TRAINED), sampler, steps, 9.0)
    assert ours.dtype == np.float32 and ours.shape == (steps, 7)
    assert list(ours[:, 0]) == [int(timestep) for timestep in theirs.timesteps] and (ours[:, 1] == 9).all()

    rng = np.random.default_rng(steps)
    picture, noise = (rng.standard_normal((1, 4, 16, 16)).astype(np.float32) for _ in range(2))
    alpha, sigma = levels(theirs, int(ours[0, 0]))
    x, before = np.float32(alpha) * picture + np.float32(sigma) * noise, np.zeros_like(picture)
    for index, (_, _, clean_sample, clean_output, next_sample, next_clean, next_before) in enumerate(ours):
        output = network(theirs, prediction_type, int(ours[index, 0]), x, picture)
        clean = clean_sample * x + clean_output * output
        mine = next_sample * x + next_clean * clean + next_before * before
        other = theirs.step(torch.from_numpy(output), theirs.timesteps[index], torch.from_numpy(x)).prev_sample.numpy()
        assert np.abs(mine - other).max() <= 1e-5 * max(1, np.abs(other).max()), f"step {index}"
        x, before = other, clean


def network(scheduler, prediction_type: str, timestep: int, x: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """What a network predicts that is nearly sure of ``picture``."""
    alpha, sigma = levels(scheduler, timestep)
    noise = (x - alpha * 0.9 * picture) / sigma
    output = noise if prediction_type == "epsilon" else alpha * noise - sigma * 0.9 * picture
    return output.astype(np.float32)


def levels(scheduler, timestep: int) -> tuple[float, float]:
    """How much of a sample is picture and how much noise."""
    alpha = float(scheduler.alphas_cumprod[timestep]) ** 0.5
    return alpha, (1 - alpha**2) ** 0.5
