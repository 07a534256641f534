"""Weights in two folders of diffusers: the base model and the ControlNet."""

import json
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from export.errors import InputError


class Folders:
    """A base model of Stable Diffusion 2 and its ControlNet, saved by diffusers; an :class:`export.source.Source`."""

    def __init__(self, base: Path, control: Path):
        """Check that the folders exist and belong together.

        Raises:
            InputError: if one is missing, or they do not belong together.
        """
        self._base, self._control = base, control
        for folder in (base / "unet", base / "vae", base / "text_encoder", control):
            if not (folder / "config.json").is_file():
                raise InputError(f"{folder} is not a model of diffusers: it has no config.json.")
            if not list(folder.glob("*.safetensors")):
                raise InputError(f"{folder} has no .safetensors file; save it with safe_serialization=True.")
        unet, text = _config(base / "unet"), _config(base / "text_encoder")
        self.hint_channels: int = _config(control).get("conditioning_channels", 3)
        if _config(control)["cross_attention_dim"] != unet["cross_attention_dim"]:
            raise InputError(
                f"{control} is not a ControlNet for {base}: its text embeddings are "
                f"{_config(control)['cross_attention_dim']} wide, the base model's {unet['cross_attention_dim']}."
            )
        if text.get("hidden_act") != "gelu" or text["vocab_size"] != 49408:
            raise InputError(f"{base} is no Stable Diffusion 2: its text encoder is not OpenCLIP's.")
        scheduler = base / "scheduler" / "scheduler_config.json"
        self.prediction_type: str | None = None
        if scheduler.is_file():
            self.prediction_type = json.loads(scheduler.read_text()).get("prediction_type")
        # The type of their numbers may be any; the smallest in use is float16.
        paths = (path for folder in (base, control) for path in folder.rglob("*.safetensors"))
        self.weights = sum(path.stat().st_size // 2 for path in paths)

    def text_config(self) -> CLIPTextConfig:
        return CLIPTextConfig.from_pretrained(self._base / "text_encoder", local_files_only=True)

    def text(self) -> CLIPTextModel:
        return self._load(CLIPTextModel, self._base / "text_encoder")

    def unet(self) -> UNet2DConditionModel:
        return self._load(UNet2DConditionModel, self._base / "unet")

    def control(self) -> ControlNetModel:
        return self._load(ControlNetModel, self._control)

    def vae(self) -> AutoencoderKL:
        return self._load(AutoencoderKL, self._base / "vae")

    @staticmethod
    def _load(model: Any, folder: Path) -> Any:
        try:
            loaded = model.from_pretrained(folder, use_safetensors=True, local_files_only=True)
            return loaded.eval().requires_grad_(False)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise InputError(f"{folder} cannot be loaded: {str(error).splitlines()[0]}") from None


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except ValueError:
        raise InputError(f"{folder / 'config.json'} is not JSON.") from None
    return config
