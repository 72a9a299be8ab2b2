"""Samplers of continuous noise schedules: diffusers' EDM schedulers are the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EDMDPMSolverMultistepScheduler, EDMEulerScheduler

from runtime import InvalidRequest, SamplerName
from runtime.manifest import NoiseSchedule
from runtime.samplers import EDM_SAMPLERS, Table, sampler_table

LOW, HIGH = 0.002, 120.0
ORACLES: dict[SamplerName, tuple[Any, str]] = {
    SamplerName.EULER: (EDMEulerScheduler, "exponential"),
    SamplerName.DPMPP_2M: (EDMDPMSolverMultistepScheduler, "exponential"),
    SamplerName.DPMPP_2M_KARRAS: (EDMDPMSolverMultistepScheduler, "karras"),
}
SHAPE = (1, 4, 4, 4)


def table_of(sampler: SamplerName, steps: int) -> Table:
    ends = tuple(1 / (1 + sigma**2) for sigma in (LOW, HIGH))
    return sampler_table(sampler, NoiseSchedule(ends, None, 0, True, True), "v_prediction", steps)


def toy_model(x: torch.Tensor, timestep: float) -> torch.Tensor:
    """Non-linear, and different at every timestep, so that no error cancels."""
    return torch.tanh(x * 1.3 + 0.1) * 0.9 + 0.05 * float(np.cos(timestep))


@pytest.mark.parametrize("sampler", ORACLES)
@pytest.mark.parametrize("steps", [2, 7, 20])
def test_a_table_is_diffusers_own_loop(sampler: SamplerName, steps: int) -> None:
    kind, spacing = ORACLES[sampler]
    scheduler = kind(LOW, HIGH, 1.0, spacing, prediction_type="v_prediction")
    scheduler.set_timesteps(steps)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    theirs = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        out = toy_model(scheduler.scale_model_input(theirs, timestep), float(timestep))
        theirs = scheduler.step(out, timestep, theirs).prev_sample

    table = table_of(sampler, steps)
    np.testing.assert_allclose(table.timesteps, scheduler.timesteps, atol=1e-5)
    ours, history = noise.double() * table.init_scale, torch.zeros(SHAPE)
    for timestep, (c_in, p, q, a, b, c, _) in zip(table.timesteps, table.coef, strict=True):
        denoised = p * ours + q * toy_model(c_in * ours, timestep)
        ours, history = a * ours + b * denoised + c * history, denoised
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("sampler", EDM_SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_levels_run_between_the_ends_of_the_schedule(sampler: SamplerName, steps: int) -> None:
    """diffusers takes the lowest level for a single step, which leaves the noise as it is."""
    sigmas = np.exp(4 * table_of(sampler, steps).timesteps)
    assert sigmas[0] == pytest.approx(HIGH)
    assert steps == 1 or sigmas[-1] == pytest.approx(LOW)
    assert (np.diff(sigmas) < 0).all()


def test_ancestral_steps_lower_the_noise_to_the_next_level() -> None:
    table = table_of(SamplerName.EULER_A, 20)
    sigmas = np.exp(4 * table.timesteps)
    _, _, _, a, _, _, d = table.coef.T
    variance = (a * sigmas) ** 2 + d**2
    np.testing.assert_allclose(variance, np.append(sigmas[1:], 0) ** 2, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("sampler", [SamplerName.DDIM, SamplerName.LCM])
def test_samplers_of_trained_timesteps_are_refused(sampler: SamplerName) -> None:
    with pytest.raises(InvalidRequest, match=f"{sampler} steps through .* choose one of euler, "):
        table_of(sampler, 5)
