"""ColorizeNet: a ControlNet that colorizes, on Stable Diffusion. Needs no torch."""
