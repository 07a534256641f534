"""ColorizeNet: a ControlNet for Stable Diffusion that colorizes, from a bundle of ONNX graphs."""

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
from colorize_service.inference.model import GPU_BATCH, Distribution, NothingSuggested, Setup
from colorize_service.inference.onnx_runtime import ort
from colorize_service.inference.session import device_of, memory_errors, new_session, open_session
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.options import Options

log = logging.getLogger(__name__)

#: Photos of a batch at most on CUDA, unless the operator sets another number.
Floats = NDArray[np.float32]
#: Steps and guidance scale: what photos of one batch have in common.
Key = tuple[int, float]


class Processing(msgspec.Struct):
    """The manifest's ``processing``: the size in pixels at which the model sees every picture."""

    width: Size
    height: Size
    multiple_of: Size


class Parameters(msgspec.Struct):
    """All options of a sampling; as the manifest's ``defaults``, those that the model's author recommends."""

    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    guidance_scale: float


class Conditioned(Diffusion):
    """The manifest's ``diffusion``.

    Attributes:
        hint_channels: of the picture that the ControlNet sees.
    """

    hint_channels: int


class ColorizeNet:
    """Bundle kind ``colorizenet``; a :class:`~colorize_service.inference.model.Model`.

    Its files are ``tokenizer``, ``prompts``, ``text_encoder``, ``hint_encoder``, ``denoiser`` and ``decoder``; each
    graph may have a variant for CUDA, such as ``denoiser.cuda``. The ControlNet sees the gray photo, and of the picture
    that Stable Diffusion makes only a* and b* are kept.
    """

    title: ClassVar[str] = "ColorizeNet"
    takes: ClassVar[tuple[str, ...]] = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale")
    side_by_side: ClassVar[bool] = False
    suggests = False

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
        defaults = bundle.section("defaults", Parameters)
        preset = Options(steps=self._preset.steps, guidance_scale=self._preset.guidance_scale)
        self.defaults = preset.or_else(Options(**msgspec.structs.asdict(defaults)))
        self._load(bundle, setup)

    def _load(self, bundle: Bundle, setup: Setup) -> None:
        files = _Files(bundle, setup)
        self.device = files.device.name
        defaults = self._complete(Options())
        prompts = Prompts(bundle, (defaults.negative_prompt, defaults.prompt), files.open_text_encoder)
        self._sampling = Sampling(files.device, files.open_graphs(), prompts.context)
        most = setup.max_batch or (GPU_BATCH if self.device == "cuda" else 1)
        self._batcher: Batcher[Key, Job, Floats] = Batcher(self._sample, most)

    @property
    def turns(self) -> int:
        """Photos in work that keep the device busy: while it runs one batch, the next one gathers."""
        return 2 * self._batcher.most

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        step, most = self._processing.multiple_of, self._preset.largest_side
        wide, high = (
            min(side, max(step, (most or side) // step * step))
            for side in (self._processing.width, self._processing.height)
        )
        return wide, high

    def warm_up(self) -> None:
        """Colorize gray pictures: one on the CPU; on CUDA, which prepares for each size of a batch, all sizes."""
        width, height = self.processing_size(1, 1)
        gray = np.full((height, width), 128, np.uint8)
        number, options = 1, Options(steps=2 if self.device == "cuda" else 1)
        while number == 1 or (self.device == "cuda" and number <= self._batcher.most):
            started = time.monotonic()
            self.chroma_batch([(gray, options)] * number)
            log.info("Warmed up with %d photo(s) in %.1f s.", number, time.monotonic() - started)
            number *= 2

    def chroma(self, luma: NDArray[np.uint8], options: Options = Options(), turn: Turn = ANY_TIME) -> NDArray[np.uint8]:
        parameters = self._complete(options)
        return self._chroma(luma, self._batcher.submit(_key(parameters), self._job(luma, parameters), turn))

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        futures = self.sample(photos)
        return [self._chroma(luma, future.result()) for (luma, _), future in zip(photos, futures, strict=True)]

    def distribution(self, luma: NDArray[np.uint8], turn: Turn = ANY_TIME) -> Distribution:
        """It makes one picture, and knows of no others."""
        raise NothingSuggested(self)

    def sample(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[Future[Floats]]:
        """Begin to sample the pictures that Stable Diffusion makes of photos: float32 (3, h, w) each, RGB in 0 to 1."""
        complete = [(luma, self._complete(options)) for luma, options in photos]
        futures: list[Future[Floats]] = []
        for key, together in itertools.groupby(complete, lambda photo: _key(photo[1])):
            futures += self._batcher.add(key, [self._job(*photo) for photo in together])
        return futures

    def _complete(self, options: Options) -> Parameters:
        return msgspec.convert(options.or_else(self.defaults), Parameters, from_attributes=True)

    @staticmethod
    def _chroma(luma: NDArray[np.uint8], image: Floats) -> NDArray[np.uint8]:
        return colour.chroma(colour.lightness(luma), colour.ab(image))

    @staticmethod
    def _job(luma: NDArray[np.uint8], parameters: Parameters) -> Job:
        shape = (4, luma.shape[0] // 8, luma.shape[1] // 8)
        return Job(
            hint=np.repeat(luma[None] / np.float32(255), 3, axis=0),
            latents=np.random.default_rng(parameters.seed).standard_normal(shape, np.float32),
            prompts=(parameters.negative_prompt, parameters.prompt),
        )

    def _sample(self, key: Key, jobs: list[Job]) -> Floats:
        return self._sampling.run(jobs, table(self._diffusion, self._preset.sampler, *key, self._interval))


def _key(parameters: Parameters) -> Key:
    return parameters.steps, parameters.guidance_scale


class _Files:
    """Opens the bundle's graphs, all on the same device."""

    def __init__(self, bundle: Bundle, setup: Setup):
        self._bundle, self._threads = bundle, setup.threads
        # The smallest graph shows whether CUDA works; its line in the log is true of all.
        probe = open_session(bundle.path("hint_encoder"), setup.device, setup.threads)
        self.device = Cuda() if device_of(probe) == "cuda" else Host()

    def open_graphs(self) -> Graphs:
        """Load the graphs that every picture needs; the log shows the progress."""
        names = ("hint_encoder", "denoiser", "decoder")
        return Graphs(*(self._open(name, f"{number} of {len(names)}") for number, name in enumerate(names, 1)))

    def open_text_encoder(self) -> ort.InferenceSession:
        """Load the graph that prompts other than the bundle's need."""
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
