"""ColorizeNet: a ControlNet that colorizes, on Stable Diffusion, from a bundle of ONNX graphs."""

import itertools
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from colorize_service.bundle import Bundle, BundleError, Size
from colorize_service.inference.batching import Batcher
from colorize_service.inference.colorizenet.denoising import Graphs, Job, Sampling
from colorize_service.inference.colorizenet.presets import PRESETS
from colorize_service.inference.colorizenet.schedulers import Diffusion, table
from colorize_service.inference.colorizenet.text import Prompts
from colorize_service.inference.device import Cuda, Host
from colorize_service.inference.model import Setup
from colorize_service.inference.onnx_runtime import ort
from colorize_service.inference.session import device_of, memory_errors, new_session, open_session
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.options import Options

log = logging.getLogger(__name__)

GPU_BATCH = 4


class Processing(msgspec.Struct):
    """The size in pixels at which the model sees every picture."""

    width: Size
    height: Size
    multiple_of: Size


class Defaults(msgspec.Struct):
    """What the bundle's author recommends."""

    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    guidance_scale: float


class Conditioned(Diffusion):
    """The manifest's ``diffusion``: beside the noise's schedule the channels of the hint."""

    hint_channels: int


class ColorizeNet:
    """Bundle kind ``colorizenet``: files ``tokenizer``, ``prompts``, ``text_encoder``, ``hint_encoder``, ``denoiser``
    and ``decoder``; of each graph there may be a variant for CUDA, such as ``denoiser.cuda``.

    Gray in, Stable Diffusion's picture out, of which only a* and b* are kept.
    """

    title: ClassVar[str] = "ColorizeNet"
    takes: ClassVar[tuple[str, ...]] = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale")
    side_by_side: ClassVar[bool] = False

    def __init__(self, bundle: Bundle, setup: Setup):
        self._preset = PRESETS[setup.preset]
        self._interval = setup.guidance_interval or self._preset.guidance_interval
        self._processing = bundle.section("processing", Processing)
        self._diffusion = bundle.section("diffusion", Conditioned)
        if self._diffusion.hint_channels != 3:
            raise BundleError(
                f"The bundle's hint has {self._diffusion.hint_channels} channels; only the published model's three, "
                "which all take the gray photo, are documented well enough to be filled."
            )
        defaults = bundle.section("defaults", Defaults)
        preset = Options(steps=self._preset.steps, guidance_scale=self._preset.guidance_scale)
        self.defaults = preset.or_else(Options(**msgspec.structs.asdict(defaults)))
        self._load(bundle, setup)

    def _load(self, bundle: Bundle, setup: Setup) -> None:
        files = _Files(bundle, setup)
        self.device = files.device.name
        prompts = Prompts(bundle, (self.defaults.negative_prompt, self.defaults.prompt), files.open_text_encoder)
        self._sampling = Sampling(files.device, files.open_graphs(), prompts.context)
        self._batcher = Batcher(self._sample, setup.max_batch or (GPU_BATCH if self.device == "cuda" else 1))

    @property
    def turns(self) -> int:
        """Photos in work that keep the device busy: while one batch is on it, the next one gathers."""
        return 2 * self._batcher.most

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        step, most = self._processing.multiple_of, self._preset.largest_side
        wide, high = (
            min(side, max(step, (most or side) // step * step))
            for side in (self._processing.width, self._processing.height)
        )
        return wide, high

    def warm_up(self) -> None:
        """Colorize gray pictures: one on the CPU; on CUDA, where each number of them is prepared for, all numbers."""
        width, height = self.processing_size(1, 1)
        gray = np.full((height, width), 128, np.uint8)
        number, options = 1, Options(steps=2 if self.device == "cuda" else 1)
        while number == 1 or (self.device == "cuda" and number <= self._batcher.most):
            started = time.monotonic()
            self.chroma_batch([(gray, options)] * number)
            log.info("Warmed up with %d photo(s) in %.1f s.", number, time.monotonic() - started)
            number *= 2

    def chroma(self, luma: NDArray[np.uint8], options: Options = Options(), turn: Turn = ANY_TIME) -> NDArray[np.uint8]:
        options = options.or_else(self.defaults)
        return self._chroma(luma, self._batcher.submit(_key(options), self._job(luma, options), turn))

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        futures = self.sample(photos)
        return [self._chroma(luma, future.result()) for (luma, _), future in zip(photos, futures, strict=True)]

    def sample(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[Future[NDArray[np.float32]]]:
        """Begin to sample the pictures that Stable Diffusion makes of photos: float32 (3, h, w) each, RGB in 0 to 1."""
        complete = [(luma, options.or_else(self.defaults)) for luma, options in photos]
        futures: list[Future[NDArray[np.float32]]] = []
        for key, together in itertools.groupby(complete, lambda photo: _key(photo[1])):
            futures += self._batcher.add(key, [self._job(*photo) for photo in together])
        return futures

    @staticmethod
    def _chroma(luma: NDArray[np.uint8], image: NDArray[np.float32]) -> NDArray[np.uint8]:
        return colour.chroma(colour.lightness(luma), colour.ab(image))

    def _job(self, luma: np.ndarray, options: Options) -> Job:
        shape = (4, luma.shape[0] // 8, luma.shape[1] // 8)
        return Job(
            hint=np.repeat(luma[None] / np.float32(255), 3, axis=0),
            latents=np.random.default_rng(options.seed).standard_normal(shape, np.float32),
            prompts=(options.negative_prompt, options.prompt),
        )

    def _sample(self, key: tuple[int, float], jobs: list[Job]) -> np.ndarray:
        return self._sampling.run(jobs, table(self._diffusion, self._preset.sampler, *key, self._interval))


def _key(options: Options) -> tuple[int | None, float | None]:
    """What photos must have in common to be sampled together."""
    return options.steps, options.guidance_scale


class _Files:
    """Opens the bundle's graphs, all on the same device."""

    def __init__(self, bundle: Bundle, setup: Setup):
        self._bundle, self._threads = bundle, setup.threads
        # The smallest graph shows whether CUDA works; what it says in the log holds for all.
        probe = open_session(bundle.path("hint_encoder"), setup.device, setup.threads)
        self.device = Cuda() if device_of(probe) == "cuda" else Host()

    def open_graphs(self) -> Graphs:
        """Load what every picture needs; the log shows how far it is."""
        names = ("hint_encoder", "denoiser", "decoder")
        return Graphs(*(self._open(name, f"{number} of {len(names)}") for number, name in enumerate(names, 1)))

    def open_text_encoder(self) -> ort.InferenceSession:
        """Load what prompts other than the bundle's need."""
        return self._open("text_encoder", "for the first prompt of a client's own")

    def _open(self, name: str, note: str) -> ort.InferenceSession:
        variant = f"{name}.{self.device.name}"
        file = variant if variant in self._bundle else name
        log.info("Loading %s (%s, %.1f GB) …", file, note, self._bundle.gigabytes(file))
        started = time.monotonic()
        with memory_errors():
            session = self._session(self._bundle.path(file), captured=name == "denoiser")
        log.info("Loaded %s in %.1f s.", file, time.monotonic() - started)
        return session

    def _session(self, path: Path, captured: bool) -> ort.InferenceSession:
        options = self.device.options
        if options is not None and captured:
            try:
                return new_session(path, self._threads, options | {"enable_cuda_graph": "1"}, long_runs=True)
            except Exception as error:
                if "graph capture" not in str(error):
                    raise
                log.warning("The denoiser runs without CUDA graphs: %s", error)
        return new_session(path, self._threads, options, long_runs=True)
