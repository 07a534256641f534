"""``python -m benchmarks.colorizenet``: ColorizeNet as the service runs it against eager diffusers, on the same weights
(random ones), steps and threads.

On a CPU a model of a fifth of the width at 256×256, 4 steps, float32; where CUDA works also the full size at 512×512,
20 steps, float16. Each side runs in a process of its own, hint and noise in, picture out, prompts encoded before. The
floor is the arithmetic of diffusers' run, counted by torch, at the rate of a large matrix product on the same device.
"""

import argparse
import functools
import multiprocessing
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from colorize_service.process import available_cpus

if TYPE_CHECKING:
    import torch

    from tests.support.reference import Reference

Answer = TypeVar("Answer")

RUNS = 5


@dataclass(frozen=True)
class Case:
    """What is run on which device."""

    title: str
    device: str
    precision: str
    side: int
    steps: int
    batches: tuple[int, ...]
    full: bool


CASES = [
    Case("CPU, a fifth of the width", "cpu", "fp32", 256, 4, (1, 2, 4), False),
    Case("GPU, full size", "cuda", "fp16", 512, 20, (1, 2, 4, 8), True),
]


@dataclass(frozen=True)
class Figures:
    """Seconds per run by batch size, and the peak memory in GB, of the device if it is a GPU, else of the process."""

    seconds: dict[int, float]
    memory: float

    @property
    def pictures_per_second(self) -> float:
        return max(batch / seconds for batch, seconds in self.seconds.items())


def service(case: Case, folder: Path) -> Figures:
    """The service's own loop on the exported bundle."""
    from colorize_service.inference.model import Setup, load_folder
    from colorize_service.options import Options

    setup = Setup(device=case.device, threads=available_cpus(), max_batch=max(case.batches))
    model = load_folder(folder / "bundle", setup)
    luma = _luma(case.side)

    def run(batch: int) -> None:
        model.chroma_batch([(luma, Options(seed=seed, steps=case.steps, guidance_scale=9.0)) for seed in range(batch)])

    return _measured(case, run)


def diffusers(case: Case, folder: Path) -> Figures:
    """diffusers' pipeline on the checkpoint."""
    import torch

    reference = _reference(case, folder)
    torch.set_num_threads(available_cpus())
    return _measured(case, lambda batch: _run_reference(case, reference, batch, case.steps))


def floor(case: Case, folder: Path) -> tuple[float, float]:
    """TFLOP of one picture, and TFLOP per second of the device in a matrix product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(available_cpus())
    reference = _reference(case, folder)
    with FlopCounterMode(display=False) as counter:
        _run_reference(case, reference, 1, case.steps)
    size = 8192 if case.device == "cuda" else 2048
    factor = torch.rand(size, size, device=case.device, dtype=_dtype(case))

    def product() -> None:
        factor @ factor
        if case.device == "cuda":
            torch.cuda.synchronize()

    return counter.get_total_flops() / 1e12, 2 * size**3 / min(_times(product, 10)) / 1e12


def _dtype(case: Case) -> "torch.dtype":
    import torch

    return torch.float16 if case.precision == "fp16" else torch.float32


def _reference(case: Case, folder: Path) -> "Reference":
    from export.checkpoint import Checkpoint
    from tests.support.reference import Reference

    return Reference(Checkpoint(folder / "checkpoint.safetensors"), case.device, _dtype(case))


def _run_reference(case: Case, reference: "Reference", batch: int, steps: int) -> None:
    import torch

    hint = np.repeat(_luma(case.side)[None, None] / np.float32(255), 3, axis=1).repeat(batch, axis=0)
    latents = np.random.default_rng(0).standard_normal((batch, 4, case.side // 8, case.side // 8), np.float32)
    with torch.inference_mode():
        reference(hint, latents, reference.embedding(np.zeros((2, 77), np.int64)), steps, 9.0)


def _luma(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)


def _times(call: Callable[[], None], runs: int) -> list[float]:
    call()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times


def _measured(case: Case, run: Callable[[int], None]) -> Figures:
    seconds = {batch: statistics.median(_times(functools.partial(run, batch), RUNS)) for batch in case.batches}
    return Figures(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


class DeviceMemory:
    """The most memory of the GPU that is in use within the ``with`` block, in GB; sampled."""

    def __enter__(self) -> "DeviceMemory":
        self.peak, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
            self.peak = max(self.peak, float(subprocess.check_output(query, text=True).split()[0]) * 2**20 / 1e9)


def alone(work: Callable[[Case, Path], Answer], case: Case, folder: Path) -> Answer:
    """Run the work in a new process, so that neither side has the other's memory or threads."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, case, folder).result()


def figures_of(work: Callable[[Case, Path], Figures], case: Case, folder: Path) -> Figures:
    """What :func:`alone` measures, with the GPU's memory if the case runs there."""
    if case.device == "cpu":
        return alone(work, case, folder)
    with DeviceMemory() as memory:
        figures = alone(work, case, folder)
    return Figures(figures.seconds, memory.peak)


def measure(case: Case, folder: Path) -> None:
    """Make the weights, run both sides and print a table."""
    prepare(case, folder)
    theirs, ours = figures_of(diffusers, case, folder), figures_of(service, case, folder)
    work, rate = alone(floor, case, folder)
    print(
        f"\n{case.title}: {case.side}×{case.side}, {case.steps} steps with guidance, {case.precision}; "
        f"{work:.3g} TFLOP a picture, {rate:.3g} TFLOP/s in a matrix product.\n"
    )
    print("| | s a picture | times the floor | pictures/s, best batch | peak memory, GB |\n|---|---|---|---|---|")
    for name, figures in (("diffusers, eager", theirs), ("the service", ours)):
        best = max(figures.seconds, key=lambda batch: batch / figures.seconds[batch])
        print(
            f"| {name} | {figures.seconds[1]:.3g} | {figures.seconds[1] * rate / work:.1f} | "
            f"{figures.pictures_per_second:.3g} (batch {best}) | {figures.memory:.1f} |"
        )
    print(f"| floor | {work / rate:.3g} | 1 | {rate / work:.3g} | |")
    print(
        f"\nThe service is {theirs.seconds[1] / ours.seconds[1]:.2f} times as fast on one picture and "
        f"{ours.pictures_per_second / theirs.pictures_per_second:.2f} times on many."
    )


def prepare(case: Case, folder: Path) -> None:
    """Write a checkpoint with random weights and export it."""
    from export.layout import Sizes
    from tests.support.checkpoints import SMALL, state_dict, write

    write(folder / "checkpoint.safetensors", state_dict(Sizes() if case.full else SMALL))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "export",
            folder / "checkpoint.safetensors",
            "--out",
            folder / "bundle",
            "--precision",
            case.precision,
            "--size",
            str(case.side),
            "--variant",
            "cuda" if case.device == "cuda" else "plain",
        ],
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure ColorizeNet against diffusers.")
    parser.add_argument("--folder", type=Path, help="where to put weights and bundle; default: a temporary folder")
    arguments = parser.parse_args()
    for case in CASES:
        if case.device == "cuda" and shutil.which("nvidia-smi") is None:
            print("\nThere is no GPU.")
            continue
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            measure(case, Path(folder))


if __name__ == "__main__":
    main()
