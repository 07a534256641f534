"""ColorizeNet: a ControlNet that colorizes, on Stable Diffusion, from a bundle of ONNX graphs."""

import logging
import time
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from colorize_service.inference import colour
from colorize_service.inference.batching import Batcher
from colorize_service.inference.bundle import Bundle, BundleError, Size
from colorize_service.inference.colorizenet.denoising import Graphs, Job, Sampling
from colorize_service.inference.colorizenet.presets import PRESETS
from colorize_service.inference.colorizenet.schedulers import Diffusion, table
from colorize_service.inference.colorizenet.text import Prompts
from colorize_service.inference.device import Cuda, Host
from colorize_service.inference.onnx_runtime import ort
from colorize_service.inference.options import Options, Setup
from colorize_service.inference.queue import Turn
from colorize_service.inference.session import device_of, memory_errors, new_session, open_session

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

    title: ClassVar = "ColorizeNet"
    fields: ClassVar = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale")
    side_by_side: ClassVar = False

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
        """Width and height in pixels at which the model sees every picture."""
        sides = self._processing.width, self._processing.height
        step = self._processing.multiple_of
        return tuple(min(side, max(step, (self._preset.largest_side or side) // step * step)) for side in sides)

    def warm_up(self) -> None:
        """Colorize gray pictures: one on the CPU; on CUDA, where each number of them is prepared for, all numbers."""
        width, height = self.processing_size(1, 1)
        job = self._job(np.full((height, width), 128, np.uint8), self.defaults)
        number, steps = 1, 2 if self.device == "cuda" else 1
        while number == 1 or (self.device == "cuda" and number <= self._batcher.most):
            started = time.monotonic()
            for future in self._batcher.add((steps, self.defaults.guidance_scale), [job] * number):
                future.result()
            log.info("Warmed up with %d photo(s) of %d step(s) in %.1f s.", number, steps, time.monotonic() - started)
            number *= 2

    def chroma(self, luma: np.ndarray, options: Options = Options(), turn: Turn | None = None) -> np.ndarray:
        """Chroma of a gray picture: uint8 (h, w) luma at the processing size -> uint8 (h, w, 2), Cb and Cr.

        Raises:
            Busy: if the device is not free before the turn ends, or has no room for the picture.
            Abandoned: if whoever waits is gone.
        """
        options = options.or_else(self.defaults)
        key = options.steps, options.guidance_scale
        image = self._batcher.submit(key, self._job(luma, options), turn or Turn())
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
