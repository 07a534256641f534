"""The export from end to end: each part is loaded, traced, verified and let go before the next, to save memory."""

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
from export.tokenizer import make_tokenizer

DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
# Of an output's largest value. The fused graph of a float16 bundle rounds after each operator, the plain one only at
# the ends.
TOLERANCE = {("plain", "fp32"): 1e-4, ("cuda", "fp32"): 1e-4, ("plain", "fp16"): 1e-3, ("cuda", "fp16"): 3e-2}


@dataclass(frozen=True)
class Options:
    """What a bundle is to be like; the options of the command line."""

    precision: str
    variants: tuple[str, ...]
    size: int
    prediction_type: str
    prompt: str
    negative_prompt: str
    steps: int
    guidance_scale: float
    seed: int
    name: str
    version: str
    licence: str


class Export:
    """An export to a folder that is there already; ``say`` is told what begins, ``report`` gets the table of errors."""

    def __init__(
        self, source, options: Options, folder: Path, say: Callable[[str], None], report: Callable[[str], None]
    ):
        self._source, self._options, self._folder = source, options, folder
        self._say, self._report = say, report
        self._dtype = DTYPES[options.precision]
        self._files: dict[str, str] = {}

    def run(self, origin: str) -> None:
        """Write all parts and the manifest; ``origin`` says where the weights come from."""
        self._report(verify.HEADER)
        for name, module in self._parts():
            self._write(name, module)
            del module
            gc.collect()
        self._write_prompts()
        self._say("manifest: sizes and sha256")
        self._manifest(origin).write(self._folder, self._files)

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
        # What the module holds is not needed any more, and may be most of the memory.
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

    def _manifest(self, origin: str) -> Manifest:
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
            source=origin,
            licence=options.licence,
        )


def export_bundle(
    source,
    options: Options,
    origin: str,
    target: Path,
    replace: bool,
    say: Callable[[str], None],
    report: Callable[[str], None],
) -> None:
    """Write a verified bundle to ``target``, or nothing; for its errors see :mod:`export.errors`."""
    # Each variant, what was traced, and a fused graph again to verify it.
    copies = len(options.variants) + 1 + ("cuda" in options.variants)
    needed = copies * source.weights * DTYPES[options.precision].itemsize
    with new_folder(target, replace, needed) as folder:
        Export(source, options, folder, say, report).run(origin)
