"""The noise schedule in numbers: noise levels (sigmas) of timesteps, and how samplers space them.

Sigmas are in variance-exploding scale: x = x0 + sigma z, sigma = sqrt((1 - a) / a) with a the
cumulative product of the training schedule. All arithmetic is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.manifest import NoiseSchedule, TimestepSpacing

Floats = NDArray[np.floating[Any]]  # float64 throughout

# With zero terminal SNR the last sigma is infinite, and a large finite one stands for it. Solvers
# of the ODE in sigma need a moderate one; diffusers takes the smallest fp16 number.
MODERATE = 2.0**-24
# Samplers that step between unit-variance levels want it small: they can take the limit itself.
EXTREME = 2.0**-48


def training_sigmas(schedule: NoiseSchedule, terminal_alpha: float = MODERATE) -> Floats:
    """Sigma of every training timestep [N], with `terminal_alpha` in the place of an alpha of 0."""
    alphas = np.array(schedule.alphas_cumprod, np.float64)
    alphas = np.where(alphas == 0.0, terminal_alpha, alphas)
    return np.sqrt((1.0 - alphas) / alphas)


def sigma_at(sigmas: Floats, timesteps: Floats) -> Floats:
    """Sigmas of fractional timesteps, linear between training timesteps."""
    return np.interp(timesteps, np.arange(len(sigmas)), sigmas)


def timestep_at(sigmas: Floats, wanted: Floats) -> Floats:
    """Fractional timesteps of sigmas, linear in log sigma; clipped to the training range."""
    return np.interp(np.log(wanted), np.log(sigmas), np.arange(len(sigmas)))


def spaced(schedule: NoiseSchedule, spacing: TimestepSpacing, steps: int) -> Floats:
    """Timesteps [steps], falling (Lin et al. 2024, table 2; fractional for "linspace")."""
    count = len(schedule.alphas_cumprod)
    match schedule.timestep_spacing or spacing:
        case "linspace":
            return np.linspace(count - 1, 0, steps)
        case "leading":
            return np.arange(steps)[::-1] * float(count // steps) + schedule.steps_offset
        case "trailing":
            return np.round(count - np.arange(steps) * (count / steps)) - 1.0


def exponential(low: float, high: float, steps: int) -> Floats:
    """Sigmas [steps] from `high` down to `low`, evenly in log sigma."""
    sigmas: Floats = np.geomspace(high, low, steps)
    return sigmas


def karras(low: float, high: float, steps: int) -> Floats:
    """Sigmas [steps] from `high` down to `low` (Karras et al. 2022, equation 5, rho = 7)."""
    ramp = np.linspace(0, 1, steps)
    root_low, root_high = low ** (1 / 7), high ** (1 / 7)
    sigmas: Floats = (root_high + ramp * (root_low - root_high)) ** 7
    return sigmas
