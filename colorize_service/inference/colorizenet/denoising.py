"""The loop of a diffusion model on ONNX Runtime: noise and hints in, pictures out, all on the device in between."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorize_service.inference.device import Array, Host, dtype_of
from colorize_service.inference.onnx_runtime import ort
from colorize_service.inference.session import OutOfMemory, memory_errors

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Job:
    """One picture to be sampled.

    Attributes:
        hint: float32 (C, H, W), 0 to 1: what the ControlNet sees.
        latents: float32 (4, h, w): the noise to begin with.
        prompts: the negative and the positive prompt.
    """

    hint: Floats
    latents: Floats
    prompts: tuple[str, str]


@dataclass(frozen=True)
class Graphs:
    """The three graphs that every picture goes through."""

    hint_encoder: ort.InferenceSession
    denoiser: ort.InferenceSession
    decoder: ort.InferenceSession


class Sampling:
    """Runs the loop, in one thread only: ONNX Runtime keeps CUDA graphs for each thread."""

    def __init__(self, device: Host, graphs: Graphs, context: Callable[[str], Array]):
        """``context`` returns the context of a prompt, float16 or float32 (77, K)."""
        self._device, self._graphs, self._context = device, graphs, context
        self._numbers = itertools.count(1)
        self._batches: dict[tuple[int, tuple[int, ...]], _Batch] = {}

    def run(self, jobs: Sequence[Job], table: Floats) -> Floats:
        """Sample pictures of one size together.

        Args:
            jobs: the n pictures.
            table: float32 (steps, 7), see :func:`schedulers.table`.

        Returns:
            float32 (n, 3, H, W), RGB in 0 to 1.

        Raises:
            OutOfMemory: if the device has no room for so many.
        """
        key = len(jobs), jobs[0].hint.shape
        try:
            with memory_errors():
                if key not in self._batches:
                    self._batches[key] = _Batch(self._device, self._graphs, self._numbers, *key)
                return self._run(self._batches[key], jobs, table)
        except OutOfMemory:
            self._batches.pop(key, None)
            raise

    def _run(self, batch: "_Batch", jobs: Sequence[Job], table: Floats) -> Floats:
        batch.begin(jobs)
        for index, row in enumerate(table):
            batch.step(index, row, self._context, jobs)
        return batch.decoded(len(table))


class _Batch:
    """The buffers for ``n`` pictures, and the bindings of the graphs to them, made once.

    A step reads the state from one of two buffers and writes it to the other, so each number of prompts has two
    bindings of the denoiser, and on CUDA two CUDA graphs.
    """

    def __init__(self, device: Host, graphs: Graphs, numbers: Iterator[int], n: int, shape: tuple[int, ...]):
        """
        Args:
            numbers: the numbers of the CUDA graphs, each used once.
            n: how many pictures.
            shape: of each picture's hint.
        """
        self._device, self._graphs, self._numbers, self._n = device, graphs, numbers, n
        channels, height, width = shape
        self._latents = (4, height // 8, width // 8)
        features = graphs.hint_encoder.get_outputs()[0]
        self._hint = device.empty((n, channels, height, width), np.float32)
        self._features = device.empty((n, features.shape[1], *self._latents[1:]), dtype_of(features.type))
        self._states = [device.empty((2, n, *self._latents), np.float32) for _ in range(2)]
        self._step = device.empty((7,), np.float32)
        self._image = device.empty((n, 3, height, width), np.float32)
        self._encode = graphs.hint_encoder.io_binding()
        self._encode.bind_ortvalue_input("hint", self._hint)
        self._encode.bind_ortvalue_output("hint_features", self._features)
        self._contexts: dict[int, _Contexts] = {}

    def begin(self, jobs: Sequence[Job]) -> None:
        """Write the jobs' noise and hints, and encode the hints, which are the same at every step."""
        latents = np.stack([job.latents for job in jobs])
        self._device.write(self._states[0], np.stack([latents, np.zeros_like(latents)]))
        self._device.write(self._hint, np.stack([job.hint for job in jobs]))
        self._device.run(self._graphs.hint_encoder, self._encode)

    def step(self, index: int, row: Floats, context: Callable[[str], Array], jobs: Sequence[Job]) -> None:
        """Run the step ``index`` with the factors ``row``; without the negative prompt if the guidance scale is 1."""
        contexts = self._contexts_for(1 if row[1] == 1 else 2)
        contexts.write([job.prompts[side] for side in range(-contexts.g, 0) for job in jobs], context)
        self._device.write(self._step, row)
        self._device.run(self._graphs.denoiser, *contexts.bindings[index % 2])

    def decoded(self, steps: int) -> Floats:
        """The pictures after so many steps, decoded one by one: float32 (n, 3, H, W). Only here the host waits."""
        state = self._states[steps % 2]
        for i in range(self._n):
            binding = self._graphs.decoder.io_binding()
            binding.bind_input("latents", *_part(self._device, state, (1, *self._latents), i))
            binding.bind_output("image", *_part(self._device, self._image, (1, *self._image.shape()[1:]), i))
            self._device.run(self._graphs.decoder, binding)
        return self._device.read(self._image)

    def _contexts_for(self, g: int) -> "_Contexts":
        if g not in self._contexts:
            bindings = [(self._binding(*states), next(self._numbers)) for states in (self._states, self._states[::-1])]
            self._contexts[g] = _Contexts(self._device, self._graphs.denoiser, self._n, g, bindings)
        return self._contexts[g]

    def _binding(self, before: ort.OrtValue, after: ort.OrtValue) -> ort.IOBinding:
        binding = self._graphs.denoiser.io_binding()
        binding.bind_ortvalue_input("state", before)
        binding.bind_ortvalue_input("step", self._step)
        binding.bind_ortvalue_input("hint_features", self._features)
        binding.bind_ortvalue_output("next_state", after)
        return binding


class _Contexts:
    """The contexts of ``n`` pictures' prompts on the device, ``g`` each, and the denoiser's bindings to them."""

    def __init__(
        self, device: Host, denoiser: ort.InferenceSession, n: int, g: int, bindings: list[tuple[ort.IOBinding, int]]
    ):
        (context,) = (value for value in denoiser.get_inputs() if value.name == "context")
        self._device, self.g, self.bindings = device, g, bindings
        self._buffer = device.empty((g * n, *context.shape[1:]), dtype_of(context.type))
        self._holds: list[str] = []
        for binding, _ in bindings:
            binding.bind_ortvalue_input("context", self._buffer)

    def write(self, prompts: list[str], context: Callable[[str], Array]) -> None:
        """Write the contexts of the prompts to the device, unless they are there."""
        if prompts != self._holds:
            self._device.write(self._buffer, np.stack([context(prompt) for prompt in prompts]))
            self._holds = prompts


def _part(
    device: Host, buffer: ort.OrtValue, shape: tuple[int, ...], index: int
) -> tuple[str, int, type[np.float32], list[int], int]:
    """The part ``index`` of a float32 buffer that is made of parts of this shape, as an IOBinding takes it."""
    offset = index * math.prod(shape) * np.dtype(np.float32).itemsize
    return device.name, 0, np.float32, list(shape), buffer.data_ptr() + offset
