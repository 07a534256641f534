"""What the exporter needs of weights, whichever files they come from."""

from typing import Protocol

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel


class Source(Protocol):
    """The weights of a ColorizeNet. Each part is loaded when it is asked for, on the CPU, ready for inference.

    Attributes:
        hint_channels: of the picture that the ControlNet sees.
        prediction_type: what the UNet predicts, ``epsilon`` or ``v_prediction``; None: the files do not tell.
        weights: how many numbers all parts have, at least.
    """

    hint_channels: int
    prediction_type: str | None
    weights: int

    def text_config(self) -> CLIPTextConfig:
        """The sizes of the text encoder."""

    def text(self) -> CLIPTextModel:
        """The text encoder up to the layer before the last, which is not used, and the final layer norm."""

    def unet(self) -> UNet2DConditionModel:
        """The denoising UNet."""

    def control(self) -> ControlNetModel:
        """The ControlNet, with the encoder of its hint."""

    def vae(self) -> AutoencoderKL:
        """The VAE; its encoder may lack values."""
