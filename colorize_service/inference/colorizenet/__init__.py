"""ColorizeNet: a ControlNet for Stable Diffusion that colorizes. It needs no torch."""
