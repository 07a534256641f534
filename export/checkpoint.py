"""Reading a ControlLDM checkpoint into modules of diffusers and transformers, without running a pickle's code."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from export import layout
from export.errors import InputError

LATENT_SCALE = 0.18215

Model = TypeVar("Model", bound=nn.Module)


class Checkpoint:
    """The weights of a whole ControlLDM, mapped from its file; an :class:`export.source.Source`."""

    def __init__(self, path: Path):
        """Open the file and check that it has all weights that an export needs.

        Raises:
            InputError: if it has not.
        """
        state = read_state(path)
        shapes = {name: tuple(weight.shape) for name, weight in state.items()}
        self.sizes = _checked_sizes(path, shapes)
        self.hint_channels = self.sizes.hint_channels
        self.prediction_type: str | None = None
        self._state = {name: state[name] for name in layout.weights(self.sizes)}
        self.weights = sum(weight.numel() for weight in self._state.values())

    def text_config(self) -> CLIPTextConfig:
        sizes = self.sizes
        return CLIPTextConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.context,
            intermediate_size=4 * sizes.context,
            num_hidden_layers=sizes.text_layers - 1,
            num_attention_heads=sizes.context // layout.HEAD_WIDTH,
            max_position_embeddings=sizes.context_length,
            hidden_act="gelu",
            eos_token_id=49407,
        )

    def text(self) -> CLIPTextModel:
        with torch.device("meta"):
            model = CLIPTextModel(self.text_config())
        state = {name: weight for name, weight in self._state.items() if name.startswith(layout.TEXT)}
        _fill(model, single_file_utils.convert_open_clip_checkpoint(model, state, layout.TEXT))
        # The state dict has no values for this buffer.
        model.text_model.embeddings.position_ids = torch.arange(self.sizes.context_length)[None]
        return model

    def unet(self) -> UNet2DConditionModel:
        config = self._unet_config()
        up_blocks = tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in self.sizes.attention[::-1])
        with torch.device("meta"):
            model = UNet2DConditionModel(**config, out_channels=self.sizes.latent_channels, up_block_types=up_blocks)
        return _fill(model, single_file_utils.convert_ldm_unet_checkpoint(self._state, config))

    def control(self) -> ControlNetModel:
        config = self._unet_config()
        with torch.device("meta"):
            model = ControlNetModel(**config, conditioning_channels=self.hint_channels)
        return _fill(model, single_file_utils.convert_controlnet_checkpoint(self._state, config))

    def vae(self) -> AutoencoderKL:
        sizes = self.sizes
        levels = len(sizes.vae_multipliers)
        config = {
            "block_out_channels": tuple(sizes.vae_channels * multiplier for multiplier in sizes.vae_multipliers),
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "layers_per_block": sizes.vae_blocks,
            "latent_channels": sizes.latent_channels,
            "scaling_factor": LATENT_SCALE,
        }
        with torch.device("meta"):
            model = AutoencoderKL(**config)
        del model.encoder, model.quant_conv
        return _fill(model, single_file_utils.convert_ldm_vae_checkpoint(self._state, config))

    def _unet_config(self) -> dict[str, object]:
        sizes = self.sizes
        widths = tuple(sizes.channels * multiplier for multiplier in sizes.multipliers)
        return {
            "in_channels": sizes.latent_channels,
            "block_out_channels": widths,
            "layers_per_block": sizes.blocks,
            "down_block_types": tuple(
                "CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in sizes.attention
            ),
            # diffusers' name for the number of heads.
            "attention_head_dim": tuple(width // layout.HEAD_WIDTH for width in widths),
            "cross_attention_dim": sizes.context,
            "use_linear_projection": True,
        }


def read_state(path: Path) -> Mapping[str, Tensor]:
    """The state dict of a ``.safetensors`` file, or of a pickle of plain data.

    Raises:
        InputError: if there is no such file, or it is neither.
    """
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pickle.UnpicklingError as error:
        raise InputError(_unpickling_failed(path, str(error))) from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError):
        raise InputError(f"{path} is not a checkpoint, or only a part of one.") from None
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping):
        raise InputError(f"{path} is not a checkpoint: it is no table of weights.")
    weights = {name: weight for name, weight in state.items() if isinstance(weight, Tensor)}
    if not weights:
        raise InputError(f"{path} is not a checkpoint: there are no weights in it.")
    return weights


def _unpickling_failed(path: Path, reason: str) -> str:
    if "GLOBAL" not in reason and "Unsupported class" not in reason:
        return f"{path} is not a checkpoint, or only a part of one."
    return (
        f"{path} is a pickle that holds more than data, and running its code is refused; where you trust it, "
        'convert it with: python -c "import sys, torch, safetensors.torch as s; '
        "d = torch.load(sys.argv[1], map_location='cpu', weights_only=False)['state_dict']; "
        's.save_file({k: v.clone() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2])" '
        f"{path.name} {path.stem}.safetensors"
    )


def _checked_sizes(path: Path, shapes: dict[str, tuple[int, ...]]) -> layout.Sizes:
    parts = {layout.CONTROL: "ControlNet", layout.UNET: "UNet", layout.VAE: "VAE", layout.TEXT: "text encoder"}
    missing = [name for prefix, name in parts.items() if not any(key.startswith(prefix) for key in shapes)]
    if len(missing) == len(parts):
        alone = any("input_hint_block" in key or "controlnet_cond_embedding" in key for key in shapes)
        raise InputError(
            f"{path} is a ControlNet without its base model: give the checkpoint of the whole ControlLDM, or the "
            "folders of both with --base FOLDER."
            if alone
            else f"{path} is not a checkpoint of a ControlLDM: no weight's name starts with {layout.CONTROL!r}."
        )
    if missing:
        raise InputError(f"{path} is not a whole ControlLDM: it has no {' and no '.join(missing)}.")
    try:
        sizes = layout.read_sizes(shapes)
    except (KeyError, IndexError) as error:
        raise InputError(f"{path} misses the weight {error.args[0]!r}.") from None
    expected = layout.weights(sizes)
    absent = [name for name in expected if name not in shapes]
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise InputError(f"{path} misses {len(absent)} weights: {', '.join(absent[:3])}{more}.")
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise InputError(f"{path} has {name} with the shape {shapes[name]}; by the others it must be {shape}.")
    return sizes


def _fill(model: Model, state: dict[str, Tensor]) -> Model:
    model.load_state_dict(state, assign=True)
    model.eval().requires_grad_(False)
    return model
