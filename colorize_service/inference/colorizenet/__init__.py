"""ColorizeNet: a ControlNet that colorizes, on Stable Diffusion. Needs no torch."""

from colorize_service.inference.colorizenet.model import ColorizeNet

__all__ = ["ColorizeNet"]
