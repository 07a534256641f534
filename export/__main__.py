"""``python -m export CHECKPOINT --out FOLDER``: a ColorizeNet checkpoint -> a verified bundle for the service."""

import argparse
import logging
import os
import re
import sys
import warnings
from pathlib import Path

from export.errors import ExportError, InputError

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

    with tqdm(bar_format="{desc} [{elapsed}]", disable=None) as progress:
        try:
            _export(arguments, progress.set_description_str, progress.write)
        except ExportError as error:
            progress.close()
            print(error, file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            progress.close()
            print("Stopped; nothing is left behind.", file=sys.stderr)
            return 130
    print(f"{arguments.out} is written and verified.")
    return 0


def _export(arguments: argparse.Namespace, say, report) -> None:
    say("libraries: loading")
    from colorize_service.bundle import sha256
    from export.bundle import check_target
    from export.checkpoint import Checkpoint
    from export.folders import Folders
    from export.hub import KNOWN, fetch, is_hub_id
    from export.pipeline import Options, export_bundle

    check_target(arguments.out, arguments.force)
    checkpoint, expected = Path(arguments.checkpoint), arguments.sha256
    if is_hub_id(arguments.checkpoint):
        say(f"{arguments.checkpoint}: fetching")
        checkpoint = fetch(arguments.checkpoint, expected)
    if arguments.base:
        source = Folders(arguments.base, checkpoint)
        origin = f"{arguments.base.name} and {checkpoint.name}, by diffusers"
    elif checkpoint.is_dir():
        raise InputError(
            f"{checkpoint} is a folder: give the checkpoint's file, or the base model's folder too with --base FOLDER."
        )
    else:
        say(f"{checkpoint.name}: reading")
        source = Checkpoint(checkpoint)
        found = sha256(checkpoint)
        if expected and found != expected:
            raise InputError(f"{checkpoint} is not what was asked for: its sha256 is {found}, not {expected}.")
        published = next((name for name, known in KNOWN.items() if known.sha256 == found), checkpoint.name)
        origin = f"{published}, sha256 {found}"
    if arguments.hint_channels not in (None, source.hint_channels):
        raise InputError(f"{checkpoint} takes {source.hint_channels} hint channels, not {arguments.hint_channels}.")
    options = Options(
        arguments.precision,
        arguments.variant,
        arguments.size,
        arguments.prediction_type or source.prediction_type or "epsilon",
        arguments.prompt,
        arguments.negative_prompt,
        arguments.steps,
        arguments.guidance_scale,
        arguments.seed,
        arguments.name,
        arguments.version,
        arguments.licence,
    )
    export_bundle(source, options, origin, arguments.out, arguments.force, say, report)


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
    add("--hint-channels", type=int, help="what the ControlNet must take; its weights say what it takes")
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
    add("--name", default="ColorizeNet")
    add("--version", default="sd21")
    add("--licence", default="CreativeML Open RAIL++-M", help="of the weights")
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
    """The libraries' warnings are about other uses of them; failures are reported in a sentence of ours."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ["TRANSFORMERS_VERBOSITY"] = os.environ["DIFFUSERS_VERBOSITY"] = "error"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


if __name__ == "__main__":
    _quiet()
    sys.exit(main())
