"""Samplers as tables.

A model's output gives the denoised picture D = p x + q out, where x is in variance-exploding scale
and the model sees c_in x. Every sampler here is then linear in what a request holds:

    x' = a x + b D + c D_previous + d noise

so a sampler is a function from the noise schedule and a number of steps to a float64 table with a
line (c_in, p, q, a, b, c, d) for each step. Timesteps and coefficients follow diffusers'
schedulers, so that a seed gives the same picture there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from runtime.errors import InvalidRequest
from runtime.manifest import NoiseSchedule, PredictionType
from runtime.noise import (
    EXTREME,
    Floats,
    exponential,
    karras,
    sigma_at,
    spaced,
    timestep_at,
    training_sigmas,
)
from runtime.params import SamplerName

_LCM_STEPS: Final = 50  # of the schedule that latent consistency models are distilled on
_LCM_TIMESTEP_SCALING: Final = 10.0
_LCM_SIGMA_DATA: Final = 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """A request's whole trajectory.

    `x` starts as `init_scale` times unit noise. `timesteps` [steps] go to the model; `coef`
    [steps, 7] holds c_in, p, q, a, b, c, d.
    """

    init_scale: float
    timesteps: Floats
    coef: Floats

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    def draws_noise(self, step: int) -> bool:
        """Whether this step adds fresh noise, that is d != 0."""
        return bool(self.coef[step, 6] != 0.0)


@dataclass(frozen=True, slots=True)
class _Path:
    """What a sampler decides: timesteps and sigmas [steps], and (a, b, c, d) [steps, 4]."""

    init_scale: float
    timesteps: Floats
    sigmas: Floats
    update: Floats


def sampler_table(
    sampler: SamplerName, schedule: NoiseSchedule, prediction: PredictionType, steps: int
) -> Table:
    """The table of one trajectory. Raises `InvalidRequest` when `steps` or `sampler` do not fit."""
    if schedule.continuous:
        if sampler not in EDM_SAMPLERS:
            raise InvalidRequest(
                f"sampler {sampler} steps through trained timesteps, of which this model has none; "
                f"choose one of {', '.join(EDM_SAMPLERS)}"
            )
        return _table(sampler, schedule, prediction, steps)
    trained = len(schedule.alphas_cumprod)
    limit = trained - 1
    if sampler is SamplerName.LCM:
        limit = _LCM_STEPS if trained >= _LCM_STEPS else 0
    if not 1 <= steps <= limit:
        remedy = f"give 1 to {limit}" if limit else "choose another sampler"
        raise InvalidRequest(f"steps {steps} does not fit sampler {sampler}; {remedy}")
    return _table(sampler, schedule, prediction, steps)


@lru_cache(maxsize=64)
def _table(
    sampler: SamplerName, schedule: NoiseSchedule, prediction: PredictionType, steps: int
) -> Table:
    samplers = EDM_SAMPLERS if schedule.continuous else SAMPLERS
    path = samplers[sampler](schedule, steps)
    c_in = 1.0 / np.sqrt(path.sigmas**2 + 1.0)
    p, q = _denoiser(prediction, path.sigmas)
    coef = np.column_stack([c_in, p, q, path.update])
    coef.flags.writeable = path.timesteps.flags.writeable = False  # tables are shared
    return Table(path.init_scale, path.timesteps, coef)


def _denoiser(prediction: PredictionType, sigmas: Floats) -> tuple[Floats, Floats]:
    """p and q of D = p x + q out, each [steps]."""
    one, variance = np.ones_like(sigmas), sigmas**2 + 1.0
    match prediction:
        case "epsilon":
            return one, -sigmas
        case "v_prediction":
            return 1.0 / variance, -sigmas / np.sqrt(variance)
        case "sample":
            return 0.0 * one, one


def euler(schedule: NoiseSchedule, steps: int) -> _Path:
    """Euler's method on the probability-flow ODE (Karras et al. 2022, without churn)."""
    return _euler(*_levels(schedule, steps))


def euler_a(schedule: NoiseSchedule, steps: int) -> _Path:
    """Ancestral Euler: an Euler step to sigma_down, then noise sigma_up (k-diffusion)."""
    return _euler_a(*_levels(schedule, steps))


def ddim(schedule: NoiseSchedule, steps: int) -> _Path:
    """Deterministic DDIM (Song et al. 2021, equation 12, eta = 0).

    Each step lands `N // steps` training timesteps lower, which rounding can keep apart from the
    next step's own timestep. DDIM carries unit-variance x across that gap, so x' is rescaled from
    the level it lands on to the level the next step reads (after the last step: to sigma 0).
    """
    training = training_sigmas(schedule, EXTREME)
    timesteps = np.round(spaced(schedule, "leading", steps))
    sigmas = sigma_at(training, timesteps)
    landing = timesteps - len(training) // steps
    final = 0.0 if schedule.set_alpha_to_one else training[0]
    lands = np.where(landing >= 0, sigma_at(training, landing), final)
    a = lands / sigmas
    rescale = np.sqrt((np.append(sigmas[1:], 0.0) ** 2 + 1) / (lands**2 + 1))
    return _Path(_unit_variance(sigmas), timesteps, sigmas, _update(a * rescale, (1 - a) * rescale))


def dpmpp_2m(schedule: NoiseSchedule, steps: int) -> _Path:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2)."""
    training = training_sigmas(schedule)
    timesteps: Floats
    match schedule.timestep_spacing:
        case None | "linspace":
            timesteps = np.round(np.linspace(len(training) - 1, 0, steps + 1))[:-1]
        case "leading":  # one step more than asked for, so that the lowest timestep is left out
            timesteps = spaced(schedule, "leading", steps + 1)[:-1]
        case "trailing":
            timesteps = spaced(schedule, "trailing", steps)
    sigmas = sigma_at(training, timesteps)
    return _multistep(_unit_variance(sigmas), timesteps, sigmas)


def dpmpp_2m_karras(schedule: NoiseSchedule, steps: int) -> _Path:
    """DPM-Solver++(2M) on Karras' sigmas, over the whole range of the training schedule."""
    training = training_sigmas(schedule)
    sigmas = karras(training[0], training[-1], steps)
    return _multistep(_unit_variance(sigmas), np.round(timestep_at(training, sigmas)), sigmas)


def lcm(schedule: NoiseSchedule, steps: int) -> _Path:
    """Multistep latent consistency sampling (Luo et al. 2023, algorithm 3)."""
    training = training_sigmas(schedule, EXTREME)
    distilled = np.arange(_LCM_STEPS, 0, -1) * (len(training) // _LCM_STEPS) - 1.0
    timesteps = distilled[np.arange(steps) * _LCM_STEPS // steps]
    sigmas = sigma_at(training, timesteps)
    scaled = timesteps * _LCM_TIMESTEP_SCALING
    c_skip = _LCM_SIGMA_DATA**2 / (scaled**2 + _LCM_SIGMA_DATA**2)
    c_out = scaled / np.sqrt(scaled**2 + _LCM_SIGMA_DATA**2)
    a = c_skip / np.sqrt(sigmas**2 + 1)  # the boundary condition skips from unit-variance x
    update = _update(a, c_out, d=np.append(sigmas[1:], 0.0))
    return _Path(_unit_variance(sigmas), timesteps, sigmas, update)


SAMPLERS: Final[Mapping[SamplerName, Callable[[NoiseSchedule, int], _Path]]] = {
    SamplerName.EULER: euler,
    SamplerName.EULER_A: euler_a,
    SamplerName.DDIM: ddim,
    SamplerName.DPMPP_2M: dpmpp_2m,
    SamplerName.DPMPP_2M_KARRAS: dpmpp_2m_karras,
    SamplerName.LCM: lcm,
}


def _levels(schedule: NoiseSchedule, steps: int) -> tuple[float, Floats, Floats]:
    """Of the Euler family: scale of the first x, timesteps and sigmas [steps].

    It starts from sigma z, from unit variance only under "leading" spacing.
    """
    timesteps = spaced(schedule, "linspace", steps)
    sigmas = sigma_at(training_sigmas(schedule), timesteps)
    leading = schedule.timestep_spacing == "leading"
    return _unit_variance(sigmas) if leading else float(sigmas[0]), timesteps, sigmas


def _unit_variance(sigmas: Floats) -> float:
    """Scale of x whose unit-variance form is the drawn noise itself."""
    return float(np.sqrt(sigmas[0] ** 2 + 1))


def _euler(init_scale: float, timesteps: Floats, sigmas: Floats) -> _Path:
    a = np.append(sigmas[1:], 0.0) / sigmas
    return _Path(init_scale, timesteps, sigmas, _update(a, 1 - a))


def _euler_a(init_scale: float, timesteps: Floats, sigmas: Floats) -> _Path:
    following = np.append(sigmas[1:], 0.0)
    ratio = following / sigmas
    up = following * np.sqrt(1 - ratio**2)
    a = ratio**2  # sigma_down / sigma, since sigma_down^2 = following^2 - up^2
    return _Path(init_scale, timesteps, sigmas, _update(a, 1 - a, d=up))


def _multistep(init_scale: float, timesteps: Floats, sigmas: Floats) -> _Path:
    """Second order from D and the D before it; first order on the first step and to sigma 0."""
    following = np.append(sigmas[1:], 0.0)
    a = following / sigmas
    b, c = 1 - a, np.zeros_like(a)
    inner = slice(1, -1)
    step = np.log(sigmas[:-1] / following[:-1])  # [steps - 1]: the step in -log sigma, but the last
    ratio = step[:-1] / step[1:]  # [steps - 2]: previous step over this one
    c[inner] = -b[inner] / (2 * ratio)
    b[inner] -= c[inner]
    return _Path(init_scale, timesteps, sigmas, _update(a, b, c))


def _update(a: Floats, b: Floats, c: Floats | float = 0.0, d: Floats | float = 0.0) -> Floats:
    return np.column_stack([a, b, np.broadcast_to(c, a.shape), np.broadcast_to(d, a.shape)])


def _edm(
    rule: Callable[[float, Floats, Floats], _Path], spacing: Callable[[float, float, int], Floats]
) -> Callable[[NoiseSchedule, int], _Path]:
    """A sampler of continuous schedules, from an update rule and a spacing of sigmas."""

    def sampler(schedule: NoiseSchedule, steps: int) -> _Path:
        low, high = training_sigmas(schedule)
        sigmas = spacing(low, high, steps)
        return rule(_unit_variance(sigmas), np.log(sigmas) / 4, sigmas)

    return sampler


EDM_SAMPLERS: Final[Mapping[SamplerName, Callable[[NoiseSchedule, int], _Path]]] = {
    SamplerName.EULER: _edm(_euler, exponential),
    SamplerName.EULER_A: _edm(_euler_a, exponential),
    SamplerName.DPMPP_2M: _edm(_multistep, exponential),
    SamplerName.DPMPP_2M_KARRAS: _edm(_multistep, karras),
}
