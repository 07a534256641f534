"""The export from end to end. To save memory, each part is loaded, traced, verified and freed before the next."""

import gc
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from colorize_service.bundle import Manifest
from colorize_service.inference.colorizenet.text import clean
from export import modules, optimise, verify
from export.bundle import new_folder
from export.expand import expand
from export.graphs import PartSizes, Shape, example, write_graph
from export.source import Source
from export.tokenizer import make_tokenizer

DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
# The largest errors allowed, as fractions of an output's largest value. The fused graph of a float16 bundle rounds
# after each operator, the plain one only its inputs and outputs.
TOLERANCE = {("plain", "fp32"): 1e-4, ("cuda", "fp32"): 1e-4, ("plain", "fp16"): 1e-3, ("cuda", "fp16"): 3e-2}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of an export, see the help of ``python -m export``, and what the manifest tells about the weights.

    Attributes:
        source, name, version, licence: as in :class:`export.hub.Origin`.
    """

    precision: str
    variants: tuple[str, ...]
    size: int
    prediction_type: str
    prompt: str
    negative_prompt: str
    steps: int
    guidance_scale: float
    seed: int
    source: str
    name: str
    version: str
    licence: str


@dataclass(frozen=True)
class Progress:
    """Messages about a running export.

    Attributes:
        say: is called with the name of each step that begins.
        report: is called with each line of the table of errors.
    """

    say: Callable[[str], None]
    report: Callable[[str], None]


class Export:
    """An export to an existing folder."""

    def __init__(self, source: Source, options: Options, folder: Path, progress: Progress):
        self._source, self._options, self._folder = source, options, folder
        self._say, self._report = progress.say, progress.report
        self._dtype = DTYPES[options.precision]
        self._files: dict[str, str] = {}

    def run(self) -> None:
        """Write all parts and the manifest; for its errors see :mod:`export.errors`."""
        self._report(verify.HEADER)
        for name, module in self._parts():
            self._write(name, module)
            del module
            gc.collect()
        self._write_prompts()
        self._say("manifest: sizes and sha256")
        self._manifest().write(self._folder, self._files)

    def _parts(self) -> Iterator[tuple[str, nn.Module]]:
        self._say("UNet and ControlNet: loading")
        unet, control = self._source.unet(), self._source.control()
        projections = modules.take_projections(unet, control)
        text_config = self._source.text_config()
        self._sizes = PartSizes(
            control.config.block_out_channels[0],
            unet.config.in_channels,
            control.config.conditioning_channels,
            text_config.max_position_embeddings,
            projections.shape[0],
            text_config.vocab_size,
        )
        yield "hint_encoder", modules.HintEncoder(control)
        del control.controlnet_cond_embedding
        denoiser = modules.Denoiser(unet, control)
        del unet, control
        yield "denoiser", denoiser
        del denoiser
        self._say("VAE: loading")
        yield "decoder", modules.Decoder(self._source.vae())
        self._say("text encoder: loading")
        yield "text_encoder", modules.TextEncoder(self._source.text(), projections)

    def _write(self, name: str, module: nn.Module) -> None:
        self._say(f"{name}: tracing")
        raw = self._folder / "traced"
        raw.mkdir()
        module.to(self._dtype)
        write_graph(name, module, example(name, Shape(), self._sizes, self._dtype), raw / f"{name}.onnx")
        self._say(f"{name}: running in torch")
        cases = verify.reference(name, module, self._sizes, self._dtype)
        # The weights are not needed any more, and may take most of the memory.
        module.to("meta")
        gc.collect()
        for variant in self._options.variants:
            if variant == "cuda" and name in optimise.FUSED:
                self._write_fused(name, raw / f"{name}.onnx", cases)
            elif variant == "plain" or "plain" not in self._options.variants:
                self._write_plain(name, raw / f"{name}.onnx", cases)
        shutil.rmtree(raw)

    def _write_plain(self, name: str, raw: Path, cases: list[verify.Case]) -> None:
        self._say(f"{name}: writing")
        self._files |= optimise.save(optimise.plain(onnx.load(raw)), self._folder, name)
        self._compare(self._folder / f"{name}.onnx", name, cases, "plain")

    def _write_fused(self, name: str, raw: Path, cases: list[verify.Case]) -> None:
        self._say(f"{name}.cuda: fusing")
        fused = optimise.for_cuda(onnx.load(raw), optimise.FUSED[name])
        self._files |= optimise.save(fused, self._folder, f"{name}.cuda")
        del fused
        self._say(f"{name}.cuda: expanding, to verify it without CUDA")
        folder = raw.parent / "expanded"
        folder.mkdir()
        optimise.save(expand(onnx.load(self._folder / f"{name}.cuda.onnx")), folder, f"{name}.cuda")
        self._compare(folder / f"{name}.cuda.onnx", name, cases, "cuda")

    def _compare(self, path: Path, name: str, cases: list[verify.Case], variant: str) -> None:
        gc.collect()
        self._say(f"{path.stem}: verifying")
        verify.compare(path, name, cases, TOLERANCE[variant, self._options.precision], self._report)

    def _write_prompts(self) -> None:
        self._say("prompts: tokenizing and encoding")
        tokenizer = make_tokenizer(self._sizes.context_length)
        tokenizer.save(str(self._folder / "tokenizer.json"), pretty=False)
        prompts = self._options.negative_prompt, self._options.prompt
        tokens = np.array([tokenizer.encode(clean(prompt)).ids for prompt in prompts])
        session = onnxruntime.InferenceSession(self._folder / "text_encoder.onnx", providers=["CPUExecutionProvider"])
        (context,) = session.run(["context"], {"tokens": tokens})
        np.save(self._folder / "prompts.npy", context)
        self._files |= {"tokenizer": "tokenizer.json", "prompts": "prompts.npy"}

    def _manifest(self) -> Manifest:
        options = self._options
        return Manifest(
            kind="colorizenet",
            name=options.name,
            version=options.version,
            precision=options.precision,
            processing={"width": options.size, "height": options.size, "multiple_of": 64},
            defaults={
                "prompt": options.prompt,
                "negative_prompt": options.negative_prompt,
                "seed": options.seed,
                "steps": options.steps,
                "guidance_scale": options.guidance_scale,
            },
            diffusion={
                "prediction_type": options.prediction_type,
                "train_timesteps": 1000,
                "beta_start": 0.00085,
                "beta_end": 0.012,
                "beta_schedule": "scaled_linear",
                "hint_channels": self._sizes.hint_channels,
            },
            source=options.source,
            licence=options.licence,
        )


def export_bundle(source: Source, options: Options, target: Path, replace: bool, progress: Progress) -> None:
    """Write a verified bundle, or nothing; for its errors see :mod:`export.errors`.

    Args:
        source: the weights.
        options: how the bundle is to be.
        target: the folder to write.
        replace: whether an existing folder of that name may be replaced.
        progress: is told what happens.
    """
    # Each variant, the traced graph, and a fused graph once more to verify it.
    copies = len(options.variants) + 1 + ("cuda" in options.variants)
    needed = copies * source.weights * DTYPES[options.precision].itemsize
    with new_folder(target, replace, needed) as folder:
        Export(source, options, folder, progress).run()
