"""Sampler tables: diffusers' own schedulers are the oracle, textbook loops the second one."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime import InvalidRequest, SamplerName
from runtime.manifest import NoiseSchedule, PredictionType, TimestepSpacing
from runtime.rng import TorchNormal
from runtime.samplers import Table, sampler_table
from tests.fake_bundle import scaled_linear

Array = NDArray[Any]

DIFFUSERS: dict[SamplerName, tuple[Any, dict[str, Any]]] = {
    SamplerName.EULER: (EulerDiscreteScheduler, {}),
    SamplerName.EULER_A: (EulerAncestralDiscreteScheduler, {}),
    SamplerName.DDIM: (DDIMScheduler, {}),
    SamplerName.DPMPP_2M: (DPMSolverMultistepScheduler, {}),
    SamplerName.DPMPP_2M_KARRAS: (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    SamplerName.LCM: (LCMScheduler, {}),
}
STOCHASTIC = (SamplerName.EULER_A, SamplerName.LCM)
SPACINGS: tuple[TimestepSpacing | None, ...] = (None, "linspace", "leading", "trailing")
BETAS = ("scaled_linear", "linear", "squaredcos_cap_v2")
STEPS = (2, 7, 20)
SHAPE = (1, 4, 4, 4)
SEED = 3

samplers = st.sampled_from(SamplerName)
predictions: st.SearchStrategy[PredictionType] = st.sampled_from(get_args(PredictionType))
spacings = st.sampled_from(SPACINGS)


def toy_model(x: torch.Tensor, timestep: float) -> torch.Tensor:
    """Non-linear, and different at every timestep, so that no error cancels."""
    return torch.tanh(x * 1.3 + 0.1) * 0.9 + 0.05 * math.cos(timestep / 100)


def by_diffusers(scheduler: Any, steps: int, noisy: bool) -> Array:
    """The last latents of diffusers' own loop."""
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(SEED)
    x = torch.randn(SHAPE, generator=generator) * scheduler.init_noise_sigma
    extra = {"generator": generator} if noisy else {}
    for t in scheduler.timesteps:
        out = toy_model(scheduler.scale_model_input(x, t), float(t))
        x = scheduler.step(out, t, x, **extra).prev_sample
    result: Array = x.numpy()
    return result


def by_table(table: Table) -> Array:
    rng = TorchNormal(SEED)
    x = rng.draw(SHAPE) * np.float32(table.init_scale)
    history = np.zeros_like(x)
    for step in range(table.steps):
        c_in, p, q, a, b, c, d = table.coef[step].astype(np.float32)
        out = toy_model(torch.from_numpy(x * c_in), table.timesteps[step]).numpy()
        denoised = p * x + q * out
        noise = rng.draw(SHAPE) if table.draws_noise(step) else np.zeros_like(x)
        x, history = a * x + b * denoised + c * history + d * noise, denoised
    return x


def configs(spacing: TimestepSpacing | None) -> Iterator[dict[str, Any]]:
    """Prediction type, betas, and zero terminal SNR."""
    models = [("epsilon", betas, False) for betas in BETAS]
    for other in ("v_prediction", "sample"):
        models += [(other, "scaled_linear", zero_snr) for zero_snr in (False, True)]
    for prediction, betas, zero_snr in models:
        config = {
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": betas,
            "prediction_type": prediction,
            "rescale_betas_zero_snr": zero_snr,
            "clip_sample": False,
            "set_alpha_to_one": betas == "linear",
            "steps_offset": int(betas != "squaredcos_cap_v2"),
        }
        yield config if spacing is None else config | {"timestep_spacing": spacing}


def of_diffusers(config: dict[str, Any]) -> tuple[Any, NoiseSchedule]:
    """A pipeline's scheduler as its file configures it, and what export makes of it."""
    base = DDIMScheduler(**config)
    schedule = NoiseSchedule(
        alphas_cumprod=tuple(base.alphas_cumprod.double().tolist()),
        timestep_spacing=config.get("timestep_spacing"),
        steps_offset=config["steps_offset"],
        set_alpha_to_one=config["set_alpha_to_one"],
    )
    return base, schedule


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("sampler", SamplerName)
def test_the_table_walks_diffusers_path(
    sampler: SamplerName, spacing: TimestepSpacing | None
) -> None:
    """The same seed gives the same latents, to the float32 that diffusers computes in."""
    kind, extra = DIFFUSERS[sampler]
    for config, steps in itertools.product(configs(spacing), STEPS):
        if sampler is SamplerName.DPMPP_2M_KARRAS and config["beta_schedule"] == BETAS[2]:
            continue  # see test_karras_on_cosine_betas_works_where_diffusers_fails
        if sampler is SamplerName.EULER_A and config["prediction_type"] == "sample":
            continue  # diffusers has not implemented it
        base, schedule = of_diffusers(config)
        scheduler = kind.from_config(base.config, **extra)
        expected = by_diffusers(scheduler, steps, sampler in STOCHASTIC)
        table = sampler_table(sampler, schedule, config["prediction_type"], steps)
        assert np.abs(table.timesteps - scheduler.timesteps.numpy()).max() < 1e-4
        # Relative to the values; and diffusers' Euler step rounds at the size of the first x.
        tolerance = 1e-4 * max(1.0, np.abs(expected).max()) + 5e-7 * table.init_scale
        assert np.abs(by_table(table) - expected).max() < tolerance, (config, steps)


def test_karras_on_cosine_betas_works_where_diffusers_fails() -> None:
    """Equal rounded timesteps make diffusers lose its place; our tables do not look them up."""
    config = next(c for c in configs(None) if c["beta_schedule"] == "squaredcos_cap_v2")
    base, schedule = of_diffusers(config)
    scheduler = DPMSolverMultistepScheduler.from_config(base.config, use_karras_sigmas=True)
    with pytest.raises(IndexError):
        by_diffusers(scheduler, 20, noisy=False)
    table = sampler_table(SamplerName.DPMPP_2M_KARRAS, schedule, "epsilon", 20)
    np.testing.assert_allclose(sigmas_of(table), scheduler.sigmas.numpy()[:-1], rtol=1e-5)


@pytest.mark.parametrize("sampler", [SamplerName.EULER, SamplerName.EULER_A])
def test_a_single_step_starts_from_noise_where_diffusers_starts_from_the_picture(
    sampler: SamplerName,
) -> None:
    """Deliberate: numpy's linspace of one point is its start, which in diffusers is timestep 0."""
    base, schedule = of_diffusers(next(configs("linspace")))
    scheduler = DIFFUSERS[sampler][0].from_config(base.config)
    scheduler.set_timesteps(1)
    assert scheduler.timesteps.tolist() == [0]
    assert sampler_table(sampler, schedule, "epsilon", 1).timesteps.tolist() == [999]


# Textbook loops, in float64 and in the papers' own form.


def denoise(x: Array, sigma: float) -> Array:
    """Some denoiser D(x, sigma)."""
    seen = np.tanh(x / np.sqrt(sigma**2 + 1) * 1.3 + 0.1) * 0.9
    result: Array = seen + 0.05 * np.cos(np.log(sigma))
    return result


def walk(table: Table, x: Array, noises: Sequence[Array] = ()) -> Array:
    history = np.zeros_like(x)
    for step, sigma in enumerate(sigmas_of(table)):
        _, _, _, a, b, c, d = table.coef[step]
        denoised = denoise(x, sigma)
        noise = noises[step] if noises else 0.0
        x, history = a * x + b * denoised + c * history + d * noise, denoised
    return x


def sigmas_of(table: Table) -> Array:
    """From c_in = 1 / sqrt(sigma^2 + 1)."""
    result: Array = np.sqrt(1 / table.coef[:, 0] ** 2 - 1)
    return result


def start(table: Table) -> Array:
    return np.random.default_rng(0).normal(size=64) * table.init_scale


def table_of(sampler: SamplerName, steps: int, **schedule: Any) -> Table:
    return sampler_table(sampler, scaled_linear(**schedule), "epsilon", steps)


@pytest.mark.parametrize("steps", [1, 2, 20, 100])
def test_euler_is_the_textbook_loop(steps: int) -> None:
    table = table_of(SamplerName.EULER, steps)
    x = start(table)
    got = walk(table, x)
    for sigma, following in itertools.pairwise([*sigmas_of(table), 0.0]):
        slope = (x - denoise(x, sigma)) / sigma
        x = x + slope * (following - sigma)
    np.testing.assert_allclose(got, x, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 20, 100])
def test_euler_a_is_the_textbook_loop(steps: int) -> None:
    """k-diffusion, sample_euler_ancestral and get_ancestral_step, with eta = 1."""
    table = table_of(SamplerName.EULER_A, steps)
    x = start(table)
    noises = list(np.random.default_rng(1).normal(size=(steps, 64)))
    got = walk(table, x, noises)
    for i, (sigma, following) in enumerate(itertools.pairwise([*sigmas_of(table), 0.0])):
        up = min(following, (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        down = (following**2 - up**2) ** 0.5
        slope = (x - denoise(x, sigma)) / sigma
        x = x + slope * (down - sigma) + noises[i] * up
    np.testing.assert_allclose(got, x, atol=1e-9)


@pytest.mark.parametrize("sampler", [SamplerName.DPMPP_2M, SamplerName.DPMPP_2M_KARRAS])
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 100])
def test_dpmpp_2m_is_the_textbook_loop(sampler: SamplerName, steps: int) -> None:
    """k-diffusion, sample_dpmpp_2m."""
    table = table_of(sampler, steps)
    x = start(table)
    got = walk(table, x)
    sigmas = [*sigmas_of(table), 0.0]
    old: Array | None = None
    for i in range(steps):
        denoised = denoise(x, sigmas[i])
        with np.errstate(divide="ignore"):
            t, t_next = -np.log(sigmas[i]), -np.log(sigmas[i + 1])
        h = t_next - t
        seen = denoised
        if old is not None and sigmas[i + 1] != 0:
            r = (t + np.log(sigmas[i - 1])) / h
            seen = (1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * old
        x = sigmas[i + 1] / sigmas[i] * x - np.expm1(-h) * seen
        old = denoised
    np.testing.assert_allclose(got, x, atol=1e-9)


@pytest.mark.parametrize("set_alpha_to_one", [True, False])
@pytest.mark.parametrize("steps", [1, 20, 30, 50])
def test_ddim_is_the_textbook_loop(steps: int, set_alpha_to_one: bool) -> None:
    """Song et al. 2021, equation 12: x of unit variance, alpha the cumulative product."""
    table = table_of(SamplerName.DDIM, steps, set_alpha_to_one=set_alpha_to_one)
    alphas = np.array(scaled_linear().alphas_cumprod)
    x = start(table)
    got = walk(table, x)
    x = x * table.coef[0, 0]
    for timestep in table.timesteps.astype(int):
        alpha = alphas[timestep]
        before = timestep - 1000 // steps
        following = alphas[before] if before >= 0 else 1.0 if set_alpha_to_one else alphas[0]
        denoised = denoise(x / np.sqrt(alpha), np.sqrt(1 / alpha - 1))
        noise = (x - np.sqrt(alpha) * denoised) / np.sqrt(1 - alpha)
        x = np.sqrt(following) * denoised + np.sqrt(1 - following) * noise
    np.testing.assert_allclose(got, x, atol=1e-9)


# Properties of every table.


@st.composite
def schedules(draw: st.DrawFn) -> NoiseSchedule:
    """Stable Diffusion's and others, down to no signal at all at the end."""
    high = draw(st.sampled_from([0.005, 0.012, 0.03]))
    spacing, offset = draw(spacings), draw(st.sampled_from([0, 1]))
    options: dict[str, Any] = {"timestep_spacing": spacing, "steps_offset": offset}
    schedule = scaled_linear(high=high, set_alpha_to_one=draw(st.booleans()), **options)
    if draw(st.booleans()):
        alphas = (*schedule.alphas_cumprod[:-1], 0.0)
        schedule = dataclasses.replace(schedule, alphas_cumprod=alphas)
    return schedule


steps_counts = st.integers(1, 50) | st.sampled_from([75, 100, 149, 150])


class Case(NamedTuple):
    sampler: SamplerName
    schedule: NoiseSchedule
    table: Table


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sampler, schedule, steps = draw(samplers), draw(schedules()), draw(steps_counts)
    if sampler is SamplerName.LCM:
        steps = min(steps, 50)
    return Case(sampler, schedule, sampler_table(sampler, schedule, draw(predictions), steps))


@given(cases())
def test_every_table_is_finite_and_falls(case: Case) -> None:
    table = case.table
    assert table.coef.shape == (table.steps, 7)
    assert np.isfinite(table.coef).all()
    assert np.isfinite(table.timesteps).all()
    assert math.isfinite(table.init_scale)
    assert (np.diff(sigmas_of(table)) < 0).all()
    assert (np.diff(table.timesteps) <= 0).all()


@given(cases())
def test_only_ancestral_samplers_add_noise_and_never_at_the_end(
    case: Case,
) -> None:
    sampler, _, table = case
    noisy = [table.draws_noise(step) for step in range(table.steps)]
    assert noisy == [sampler in STOCHASTIC] * (table.steps - 1) + [False]
    assert (table.coef[:, 6] != 0).tolist() == noisy


@given(cases(), st.integers(0, 2**32 - 1))
def test_a_perfect_denoiser_ends_at_the_picture(case: Case, seed: int) -> None:
    sampler, schedule, table = case
    # Under linspace DDIM's steps are shorter than the gaps between timesteps, as in diffusers.
    assume(sampler is not SamplerName.DDIM or schedule.timestep_spacing != "linspace")
    rng = np.random.default_rng(seed)
    picture, history = rng.normal(size=64), np.zeros(64)
    x = picture + sigmas_of(table)[0] * rng.normal(size=64)
    for _, _, _, a, b, c, d in table.coef:
        x, history = a * x + b * picture + c * history + d * rng.normal(size=64), picture
    # The last DDIM step may keep the noise of the first training timestep, and LCM skips a little.
    error = {SamplerName.DDIM: 0.15, SamplerName.LCM: 1e-3}.get(sampler, 1e-12)
    np.testing.assert_allclose(x, picture, atol=error)


@given(cases())
def test_a_step_keeps_the_picture_and_lowers_the_noise_to_the_next_level(
    case: Case,
) -> None:
    """With D = x0, x0 + sigma z goes to x0 + a sigma z + d noise, of variance sigma'^2."""
    sampler, _, table = case
    if sampler in (SamplerName.DDIM, SamplerName.LCM):
        return  # they leave this scale between steps: see the two tests above
    sigmas = sigmas_of(table)
    _, _, _, a, b, c, d = table.coef.T
    np.testing.assert_allclose(a + b + c, 1, rtol=1e-12)
    variance = (a * sigmas) ** 2 + d**2
    np.testing.assert_allclose(variance, np.append(sigmas[1:], 0) ** 2, rtol=1e-6, atol=1e-12)


@given(cases(), predictions, st.integers(0, 2**32 - 1))
def test_p_and_q_recover_the_picture_from_a_perfect_model(
    case: Case, prediction: PredictionType, seed: int
) -> None:
    """Salimans & Ho 2022, appendix D: v = alpha z - sigma x0 in unit variance."""
    table = sampler_table(case.sampler, case.schedule, prediction, case.table.steps)
    picture, noise = np.random.default_rng(seed).normal(size=(2, 16))
    for (c_in, p, q, *_), sigma in zip(table.coef, sigmas_of(table), strict=True):
        x = picture + sigma * noise
        out = {
            "epsilon": noise,
            "v_prediction": c_in * noise - sigma * c_in * picture,
            "sample": picture,
        }[prediction]
        np.testing.assert_allclose(p * x + q * out, picture, atol=1e-9 * (1 + sigma**2))


@pytest.mark.parametrize("sampler", SamplerName)
def test_steps_that_do_not_fit_the_schedule_are_refused(sampler: SamplerName) -> None:
    short = scaled_linear(steps=100)
    limit = 50 if sampler is SamplerName.LCM else 99
    sampler_table(sampler, short, "epsilon", limit)
    for steps in (0, limit + 1):
        with pytest.raises(InvalidRequest, match=f"steps {steps} .* give 1 to {limit}"):
            sampler_table(sampler, short, "epsilon", steps)


def test_a_table_is_shared_and_read_only() -> None:
    table = table_of(SamplerName.EULER, 20)
    assert table_of(SamplerName.EULER, 20) is table
    for array in (table.coef, table.timesteps):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
