"""ColorizeNet's loop and what surrounds it, on a network of a few sums whose results are known."""

import functools
import logging
import threading

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from colorize_service.bundle import Bundle, BundleError
from colorize_service.inference.colorizenet import controlnet
from colorize_service.inference.colorizenet.controlnet import ColorizeNet
from colorize_service.inference.colorizenet.denoising import Graphs, Job, Sampling
from colorize_service.inference.colorizenet.schedulers import Diffusion, table
from colorize_service.inference.colorizenet.text import Prompts, clean
from colorize_service.inference.device import Host
from colorize_service.inference.model import Setup, load_folder
from colorize_service.inference.session import OutOfMemory, new_session
from colorize_service.inference.turn import Busy
from colorize_service.options import Options
from tests.support.linear_bundle import DEFAULTS, DIFFUSION, SIDE, predict, write_bundle

NEGATIVE, POSITIVE = np.full((77, 6), -0.3, np.float32), np.full((77, 6), 0.4, np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("linear"))


@pytest.fixture(scope="module")
def load(folder):
    return functools.cache(lambda **setup: load_folder(folder, Setup(device="cpu", **setup)))


@pytest.fixture(scope="module")
def graphs(folder):
    return Graphs(*(new_session(folder / f"{name}.onnx", 1, None) for name in ("hint_encoder", "denoiser", "decoder")))


@pytest.fixture
def sampling(graphs):
    return Sampling(Host(), graphs, {"negative": NEGATIVE, "positive": POSITIVE}.get)


def luma(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), np.uint8)


def job(seed: int = 0) -> Job:
    latents = np.random.default_rng(seed).standard_normal((4, SIDE // 8, SIDE // 8), np.float32)
    return Job(np.repeat(luma(seed)[None] / np.float32(255), 3, axis=0), latents, ("negative", "positive"))


def expected(one: Job, rows: np.ndarray) -> np.ndarray:
    """The picture that the loop must make: float (3, H, W)."""
    x, before = one.latents.astype(float), np.zeros_like(one.latents)
    gray = one.hint[0].reshape(SIDE // 8, 8, SIDE // 8, 8).mean(axis=(1, 3))
    for _, scale, clean_sample, clean_output, next_sample, next_clean, next_before in rows.astype(float):
        negative, positive = predict(x, NEGATIVE, gray), predict(x, POSITIVE, gray)
        clean = clean_sample * x + clean_output * (negative + scale * (positive - negative))
        x, before = next_sample * x + next_clean * clean + next_before * before, clean
    return np.kron(1 / (1 + np.exp(-x[:3])), np.ones((8, 8)))


@pytest.mark.parametrize(
    ("sampler", "steps", "scale", "interval"),
    [
        ("ddim", 5, 3.0, (0, 1)),
        ("ddim", 4, 1.0, (0, 1)),
        ("dpm-solver", 6, 5.0, (0, 1)),
        ("dpm-solver", 7, 5.0, (0.3, 0.7)),
        ("dpm-solver", 1, 2.0, (0, 1)),
    ],
)
def test_the_loop_makes_the_picture_that_its_table_says(sampling, sampler, steps, scale, interval):
    rows = table(msgspec.convert(DIFFUSION, Diffusion), sampler, steps, scale, interval)
    (image,) = sampling.run([job()], rows)
    assert np.abs(image - expected(job(), rows)).max() < 1e-5


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver"])
@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_a_network_that_knows_the_picture_is_led_from_noise_to_it(sampler, steps):
    diffusion = msgspec.convert(DIFFUSION, Diffusion)
    rows = table(diffusion, sampler, steps, 1.0).astype(float)
    assert rows[0, 0] == {"ddim": 1 + 1000 // steps * (steps - 1), "dpm-solver": 999}[sampler], "begins in other noise"
    picture, noise = 0.7, -1.3
    alpha, sigma = 1 / rows[:, 2], -rows[:, 3] / rows[:, 2]
    assert alpha**2 + sigma**2 == pytest.approx(np.ones(steps), abs=1e-5) and (np.diff(alpha) > 0).all()
    assert alpha[0] ** 2 == pytest.approx(diffusion.alphas_cumprod()[int(rows[0, 0])], rel=1e-3)
    x = alpha[0] * picture + sigma[0] * noise
    for i, (next_sample, next_clean, next_before) in enumerate(rows[:, 4:]):
        x = next_sample * x + (next_clean + next_before) * picture
        if i + 1 < steps:
            assert x == pytest.approx(alpha[i + 1] * picture + sigma[i + 1] * noise, abs=1e-4)
    assert x == pytest.approx(picture, abs=0.05)


def test_guidance_is_left_out_where_its_scale_is_1(graphs):
    rows = table(msgspec.convert(DIFFUSION, Diffusion), "ddim", 8, 3.0, (0.25, 0.5))
    assert list(rows[:, 1]) == [1, 1, 3, 3, 1, 1, 1, 1]
    asked = []

    def context(prompt):
        asked.append(prompt)
        return POSITIVE

    Sampling(Host(), graphs, context).run([job()], np.delete(rows, [2, 3], axis=0))
    assert set(asked) == {"positive"}


def test_each_picture_of_a_batch_is_the_one_it_would_be_alone(sampling):
    rows = table(msgspec.convert(DIFFUSION, Diffusion), "dpm-solver", 5, 3.0)
    jobs = [job(seed) for seed in range(4)]
    together = sampling.run(jobs, rows)
    for one, image in zip(jobs, together, strict=True):
        assert np.abs(image - sampling.run([one], rows)[0]).max() < 1e-6


class Cramped:
    """A session whose device has room for so many pictures."""

    MESSAGE = (
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running FusedConv node. "
        "Name:'/up/conv' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* "
        "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for "
        "requested buffer of size 1258291200"
    )

    def __init__(self, session, room: int):
        self._session, self.room = session, room
        self.ran = []

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run_with_iobinding(self, binding, *options):
        self._session.run_with_iobinding(binding, *options)
        pictures = binding.get_outputs()[0].shape()[1]
        if pictures > self.room:
            raise RuntimeException(self.MESSAGE)
        self.ran.append(pictures)


@pytest.mark.parametrize(
    "text",
    [
        Cramped.MESSAGE,
        "CUDA failure 2: out of memory ; GPU=0",
        "CUDA_ERROR_OUT_OF_MEMORY",
        "std::bad_alloc",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN failure 4000: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_whoever_says_that_memory_is_short_is_understood(graphs, text):
    denoiser = Cramped(graphs.denoiser, 0)
    denoiser.MESSAGE = text
    with pytest.raises(OutOfMemory):
        Sampling(Host(), Graphs(graphs.hint_encoder, denoiser, graphs.decoder), lambda _: POSITIVE).run(
            [job()], table(msgspec.convert(DIFFUSION, Diffusion), "ddim", 2, 1.0)
        )


@pytest.fixture
def cramped(folder, graphs, monkeypatch):
    """A model that takes 4 photos at once, on a device with room for one."""
    session = Cramped(graphs.denoiser, 1)

    def open_session(path, *args, **options):
        return session if path.stem == "denoiser" else new_session(path, *args, **options)

    monkeypatch.setattr(controlnet, "new_session", open_session)
    return load_folder(folder, Setup(device="cpu", max_batch=4), warm=False), session


def colorize_at_once(model: ColorizeNet, number: int) -> list:
    """The chroma, or the error, of photos that are all there before the device is free."""
    futures = model.sample([(luma(i), Options()) for i in range(number)])
    return [future.exception(10) or future.result() for future in futures]


def test_a_batch_that_is_too_large_is_halved_and_nobody_notices(cramped, load):
    model, session = cramped
    session.room = 2
    images = colorize_at_once(model, 4)
    assert session.ran == [2] * 8 and model.turns == 4
    for i, image in enumerate(images):
        (alone,) = load().sample([(luma(i), Options())])
        assert np.abs(image - alone.result(10)).max() < 1e-6
    session.ran.clear()
    colorize_at_once(model, 4)
    assert session.ran == [2] * 8, "it does not try again what did not fit"


def test_one_photo_too_many_is_told_to_come_back_and_the_next_is_served(cramped):
    model, session = cramped
    session.room = 0
    with pytest.raises(Busy, match="memory") as refusal:
        model.chroma(luma())
    assert refusal.value.retry_after > 0
    session.room = 1
    assert model.chroma(luma()).shape == (SIDE, SIDE, 2)


def test_another_error_of_the_device_reaches_its_photos_alone(cramped):
    model, session = cramped
    session.MESSAGE, session.room = "Non-zero status code returned", 0
    with pytest.raises(RuntimeException):
        model.chroma(luma())
    session.room = 1
    model.chroma(luma())


def test_the_same_seed_gives_the_same_colours_and_another_others(load):
    model = load()
    assert (model.chroma(luma(), Options(seed=5)) == model.chroma(luma(), Options(seed=5))).all()
    assert (model.chroma(luma(), Options(seed=5)) != model.chroma(luma(), Options(seed=6))).any()


@pytest.mark.parametrize(
    "options", [Options(prompt="red"), Options(negative_prompt="blue"), Options(steps=9), Options(guidance_scale=8.0)]
)
def test_each_option_matters_and_its_default_changes_nothing(load, options):
    model = load()
    assert (model.chroma(luma(), options) != model.chroma(luma())).any()
    assert (model.chroma(luma(), Options(**DEFAULTS)) == model.chroma(luma())).all()


def test_photos_in_parallel_get_the_same_colours_as_one_by_one(load):
    model, together = load(max_batch=4), [None] * 9
    choices = [Options(seed=i, prompt=("red", None, "blue")[i % 3], steps=(4, 6)[i % 2]) for i in range(9)]

    def work(i):
        together[i] = model.chroma(luma(i), choices[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, chroma in enumerate(together):
        alone = load().chroma(luma(i), choices[i])
        assert np.abs(chroma.astype(int) - alone).max() <= 1


def test_a_prompt_that_is_too_long_is_cut_and_the_log_says_so(load, caplog):
    model = load()
    with caplog.at_level(logging.WARNING):
        cut = model.chroma(luma(), Options(prompt="red " * 77 + "blue green"))
        assert "cut at 77" in caplog.text
        caplog.clear()
        assert (model.chroma(luma(), Options(prompt="red " * 77)) == cut).all()
        assert not caplog.text


def test_the_text_encoder_is_loaded_when_the_first_prompt_of_a_clients_own_comes(load, caplog):
    model = load.__wrapped__()
    with caplog.at_level(logging.INFO):
        model.chroma(luma(), Options(prompt=DEFAULTS["prompt"], seed=3))
        assert "text_encoder" not in caplog.text
        for _ in range(2):
            model.chroma(luma(), Options(prompt="red"))
    assert caplog.text.count("Loaded text_encoder") == 1


@pytest.mark.parametrize(
    ("preset", "size", "steps"),
    [("reference", (512, 512), DEFAULTS["steps"]), ("fast", (512, 512), 10), ("cpu", (256, 256), 6)],
)
def test_a_preset_chooses_size_and_steps_and_a_picture_of_any_shape_gets_them(tmp_path, preset, size, steps):
    folder = write_bundle(tmp_path, processing={"width": 512, "height": 512, "multiple_of": 64})
    model = load_folder(folder, Setup("cpu", 1, preset=preset))
    assert model.processing_size(300, 2000) == size
    assert model.defaults.steps == steps


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"diffusion": DIFFUSION | {"hint_channels": 5}}, "5 channels"),
        ({"diffusion": DIFFUSION | {"prediction_type": "sample"}}, "diffusion: .*prediction_type"),
        ({"processing": {"width": 64}}, "processing: .*height"),
        ({"defaults": {}}, "defaults: .*prompt"),
        ({"files": {}}, "hint_encoder"),
    ],
)
def test_a_bundle_that_cannot_be_run_is_refused_with_what_is_wrong(tmp_path, changes, says):
    with pytest.raises(BundleError, match=says):
        load_folder(write_bundle(tmp_path, **changes), Setup("cpu", 1))


@pytest.mark.parametrize(
    ("prompt", "cleaned"),
    [
        ("  A\tRed   Tram \n", "a red tram"),
        ("caf&amp;eacute;", "café"),
        ("doesnâ€™t", "doesn't"),
        ("ΟΔΟΣ", "οδος"),
        ("", ""),
    ],
)
def test_a_prompt_is_cleaned_as_openclip_does(prompt, cleaned):
    assert clean(prompt) == cleaned


@pytest.fixture(scope="module")
def prompts(folder):
    return Prompts(Bundle(folder), ("", ""), lambda: new_session(folder / "text_encoder.onnx", 1, None))


@given(st.text())
def test_no_prompt_whatever_breaks_the_tokenizer_or_the_text_encoder(prompts, prompt):
    tokens = prompts.tokens(prompt)
    assert tokens.shape == (77,) and tokens.dtype == np.int64
    assert prompts.context(prompt).shape == POSITIVE.shape
