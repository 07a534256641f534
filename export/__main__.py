"""``python -m export CHECKPOINT --out FOLDER``: from a ColorizeNet checkpoint to a verified bundle for the service."""

import argparse
import logging
import os
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from export.errors import ExportError, InputError

if TYPE_CHECKING:
    from export.hub import Origin
    from export.pipeline import Progress
    from export.source import Source

EXIT_CODES = """exit codes:
  0  the bundle is written and verified
  2  the command is wrong
  3  the checkpoint cannot be used
  4  a component differs from its torch module
  5  the disk is full, or cannot be written
  6  the hub cannot be reached, or sent another file
"""


def main(command: list[str] | None = None) -> int:
    """Run the command line, this process's own by default; returns the exit code."""
    arguments = _parser().parse_args(command)
    from tqdm import tqdm

    with tqdm(bar_format="{desc} [{elapsed}]", disable=None) as bar:
        try:
            bar.set_description_str("libraries: loading")
            from export.pipeline import Progress

            _export(arguments, Progress(bar.set_description_str, bar.write))
        except ExportError as error:
            bar.close()
            print(error, file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            bar.close()
            print("Stopped; nothing is left behind.", file=sys.stderr)
            return 130
    print(f"{arguments.out} is written and verified.")
    return 0


def _export(arguments: argparse.Namespace, progress: "Progress") -> None:
    from export.bundle import check_target
    from export.pipeline import Options, export_bundle

    check_target(arguments.out, arguments.force)
    source, origin = _open(arguments, progress)
    if arguments.hint_channels not in (None, source.hint_channels):
        raise InputError(
            f"{arguments.checkpoint} takes {source.hint_channels} hint channels, not {arguments.hint_channels}."
        )
    options = Options(
        precision=arguments.precision,
        variants=arguments.variant,
        size=arguments.size,
        prediction_type=arguments.prediction_type or source.prediction_type or "epsilon",
        prompt=arguments.prompt,
        negative_prompt=arguments.negative_prompt,
        steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
        seed=arguments.seed,
        source=origin.source,
        name=arguments.name or origin.name,
        version=arguments.version or origin.version,
        licence=arguments.licence or origin.licence,
    )
    export_bundle(source, options, arguments.out, arguments.force, progress)


def _open(arguments: argparse.Namespace, progress: "Progress") -> "tuple[Source, Origin]":
    """The weights that the command line names, and where they come from."""
    from colorize_service.bundle import sha256
    from export.checkpoint import Checkpoint
    from export.folders import Folders
    from export.hub import Origin, fetch, is_hub_id, origin_of

    checkpoint, expected = Path(arguments.checkpoint), arguments.sha256
    if is_hub_id(arguments.checkpoint):
        progress.say(f"{arguments.checkpoint}: fetching")
        checkpoint = fetch(arguments.checkpoint, expected)
    if arguments.base:
        base, control = arguments.base.absolute().name, checkpoint.absolute().name
        origin = Origin(source=f"{base} and {control}, by diffusers", name=control)
        return Folders(arguments.base, checkpoint), origin
    if checkpoint.is_dir():
        raise InputError(
            f"{checkpoint} is a folder: give the checkpoint's file, or the base model's folder too with --base FOLDER."
        )
    progress.say(f"{checkpoint.name}: reading")
    source = Checkpoint(checkpoint)
    found = sha256(checkpoint)
    if expected and found != expected:
        raise InputError(f"{checkpoint} is not what was asked for: its sha256 is {found}, not {expected}.")
    return source, origin_of(checkpoint, found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m export", description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "checkpoint",
        help="a .ckpt or .safetensors of the whole ControlLDM; the folder of a ControlNet of diffusers "
        "(with --base); or owner/name/file of the Hugging Face hub",
    )
    add("--out", type=Path, required=True, help="the folder to write")
    add("--force", action="store_true", help="replace the folder if it exists")
    add("--base", type=Path, help="the folder of the base model of diffusers")
    add("--sha256", type=_sha256, help="what the checkpoint's sha256 must be")
    add("--hint-channels", type=int, help="refuse a ControlNet whose hint has another number")
    add("--precision", choices=("fp16", "fp32"), default="fp16", help="of the stored weights (default: fp16)")
    add("--variant", type=_variants, default="plain,cuda", help="plain, cuda or both (default: plain,cuda)")
    add("--size", type=_size, default=512, help="side in pixels at which the service runs the model (default: 512)")
    add(
        "--prediction-type",
        choices=("epsilon", "v_prediction"),
        help="what the UNet predicts (default: what the base model's scheduler says, else epsilon)",
    )
    add("--prompt", default="Colorize this image")
    add("--negative-prompt", default="")
    add("--steps", type=int, default=20, help="default of the service (20)")
    add("--guidance-scale", type=float, default=9.0, help="default of the service (9)")
    add("--seed", type=int, default=0, help="default of the service (0)")
    add("--name", help="of the model (default: ColorizeNet for the published checkpoint, else the name of the file)")
    add("--version", help="of the model (default: sd21 for the published checkpoint, else unknown)")
    add(
        "--licence",
        help="of the weights (default: that of the published checkpoint; for others the manifest says that it is not "
        "recorded)",
    )
    return parser


def _variants(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not names or set(names) - {"plain", "cuda"}:
        raise argparse.ArgumentTypeError("takes plain, cuda or plain,cuda")
    return names


def _size(text: str) -> int:
    if not text.isdecimal() or int(text) % 64 or not 64 <= int(text) <= 2048:
        raise argparse.ArgumentTypeError("takes a multiple of 64 from 64 to 2048")
    return int(text)


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("takes 64 hexadecimal digits")
    return text.lower()


def _quiet() -> None:
    """Turn off the libraries' warnings, which are about other uses of them; errors are told in our own sentences."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ["TRANSFORMERS_VERBOSITY"] = os.environ["DIFFUSERS_VERBOSITY"] = "error"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


if __name__ == "__main__":
    _quiet()
    sys.exit(main())
