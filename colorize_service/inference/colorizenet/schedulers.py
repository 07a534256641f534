"""Samplers as tables: the factors that the denoiser applies at each step.

A sampler that adds no noise is linear in the noisy latents x and the network's outputs: apart from the network, a step
is seven numbers. They are computed here, before the loop, and the graph of the denoiser applies them:

    clean = clean_sample · x + clean_output · output
    next  = next_sample · x + next_clean · clean + next_before · (clean of the step before)

ᾱ is the cumulative product of the alphas; a sample at timestep t is α·clean + σ·noise, with α = √ᾱ and σ = √(1 − ᾱ);
λ = log(α / σ).
"""

from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from colorize_service.bundle import Size

Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Doubles = NDArray[np.float64]


class Diffusion(msgspec.Struct, kw_only=True):
    """The manifest's ``diffusion``: how the model was trained, as far as samplers need to know."""

    prediction_type: Literal["epsilon", "v_prediction"]
    train_timesteps: Size
    beta_start: Fraction
    beta_end: Fraction
    beta_schedule: Literal["scaled_linear"]

    def alphas_cumprod(self) -> Doubles:
        """ᾱ of every training timestep: float64 (train_timesteps,). The square roots of the betas rise linearly."""
        betas: Doubles = np.linspace(self.beta_start**0.5, self.beta_end**0.5, self.train_timesteps) ** 2
        return np.cumprod(1 - betas, dtype=np.float64)


def ddim(diffusion: Diffusion, steps: int) -> Doubles:
    """DDIM without added noise (Song, Meng, Ermon, "Denoising Diffusion Implicit Models", 2021, equation 12, σ = 0).

    Timesteps are evenly spaced from 1 (1, 51, …, 951 for 20 of 1000), the largest first; the last step goes to the
    noise level of timestep 0, as the author of ColorizeNet samples.

    Args:
        diffusion: how the model was trained.
        steps: 1 to half of ``train_timesteps``.

    Returns:
        float64 (steps, 6): the timestep, then the five factors in the order of the denoiser's input ``step``.
    """
    alphas_cumprod = diffusion.alphas_cumprod()
    timesteps = np.arange(steps)[::-1] * (diffusion.train_timesteps // steps) + 1
    here = alphas_cumprod[timesteps]
    there = np.append(here[1:], alphas_cumprod[0])
    # next = α' clean + σ' noise, with noise = (x − α clean) / σ
    ratio = np.sqrt((1 - there) / (1 - here))
    return np.column_stack(
        [
            timesteps,
            *_clean(diffusion, np.sqrt(here), np.sqrt(1 - here)),
            ratio,
            np.sqrt(there) - np.sqrt(here) * ratio,
            np.zeros(steps),
        ]
    )


def dpm_solver(diffusion: Diffusion, steps: int) -> Doubles:
    """DPM-Solver++ (2M) (Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    2022, algorithm 2) on the noise levels of Karras et al. ("Elucidating the Design Space of Diffusion-Based Generative
    Models", 2022, equation 5, ρ = 7).

    The first step has no step before it, and the last one ends without noise: both are of first order.

    Args and Returns: as of :func:`ddim`.
    """
    alphas_cumprod = diffusion.alphas_cumprod()
    trained = np.sqrt((1 - alphas_cumprod) / alphas_cumprod)  # σ / α, as Karras et al. write σ
    noise = np.append(_karras(trained[0], trained[-1], steps), 0)
    timesteps = np.rint(np.interp(np.log(noise[:-1]), np.log(trained), np.arange(len(trained))))
    alpha = 1 / np.sqrt(1 + noise**2)
    sigma = noise * alpha
    with np.errstate(divide="ignore"):
        length = np.diff(-np.log(noise))  # of each step in λ; the last is infinite
    # next = σ'/σ · x + α'(1 − e^−h) · D, where D extrapolates the prediction from the last two steps, linearly in λ
    towards = alpha[1:] * -np.expm1(-length)
    carried = np.zeros(steps)
    carried[1:-1] = length[1:-1] / (2 * length[:-2])
    return np.column_stack(
        [
            timesteps,
            *_clean(diffusion, alpha[:-1], sigma[:-1]),
            sigma[1:] / sigma[:-1],
            towards * (1 + carried),
            -towards * carried,
        ]
    )


def _karras(least: float, most: float, steps: int, rho: float = 7.0) -> Doubles:
    """``steps`` noise levels from ``most`` down to ``least``."""
    ramp = np.linspace(0, 1, steps)
    levels: Doubles = (most ** (1 / rho) + ramp * (least ** (1 / rho) - most ** (1 / rho))) ** rho
    return levels


def _clean(diffusion: Diffusion, alpha: Doubles, sigma: Doubles) -> tuple[Doubles, Doubles]:
    """Factors of x and of the network's output whose sum is the clean latents that the network predicts.

    Epsilon: output = noise, x = α clean + σ noise. Velocity (Salimans, Ho, "Progressive Distillation for Fast Sampling
    of Diffusion Models", 2022): output = α noise − σ clean.
    """
    return (1 / alpha, -sigma / alpha) if diffusion.prediction_type == "epsilon" else (alpha, -sigma)


SAMPLERS = {"ddim": ddim, "dpm-solver": dpm_solver}


def table(
    diffusion: Diffusion, sampler: str, steps: int, guidance_scale: float, interval: tuple[float, float] = (0, 1)
) -> NDArray[np.float32]:
    """The denoiser's input ``step`` of each step: float32 (steps, 7).

    Args:
        diffusion: how the model was trained.
        sampler: a name in :data:`SAMPLERS`.
        steps: 1 to half of ``train_timesteps``.
        guidance_scale: how far to go from the negative prompt's output to the positive one's; 1 is to the latter.
        interval: the shares of the sampling, 0 to 1, between which steps are guided (Kynkäänniemi et al., "Applying
            Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion Models", 2024). A step
            counts by its middle; outside, the scale is 1.
    """
    rows = SAMPLERS[sampler](diffusion, steps)
    middle = (np.arange(steps) + 0.5) / steps
    scale = np.where((interval[0] <= middle) & (middle <= interval[1]), guidance_scale, 1)
    return np.insert(rows, 1, scale, axis=1).astype(np.float32)
