"""ColorizeNet as diffusers runs it: the reference of the parity tests and the benchmark."""

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionControlNetPipeline

from export.checkpoint import Checkpoint

#: The author's way to sample, in diffusers' words.
DDIM = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}


class Reference:
    """diffusers' own pipeline on the weights of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", dtype: torch.dtype = torch.float32):
        self._text = checkpoint.text().to(device, dtype)
        self._pipeline = StableDiffusionControlNetPipeline(
            vae=checkpoint.vae(),
            text_encoder=None,
            tokenizer=None,
            unet=checkpoint.unet(),
            controlnet=checkpoint.control(),
            scheduler=DDIMScheduler(**DDIM),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).to(device, dtype)
        self._pipeline.set_progress_bar_config(disable=True)

    def embedding(self, tokens: np.ndarray) -> torch.Tensor:
        """Token ids int64 (m, 77) -> (m, 77, E)."""
        with torch.inference_mode():
            return self._text(torch.from_numpy(tokens).to(self._text.device)).last_hidden_state

    def __call__(
        self, hint: np.ndarray, latents: np.ndarray, embeddings: torch.Tensor, steps: int, guidance_scale: float
    ) -> np.ndarray:
        """Sample n pictures.

        Args:
            hint: float32 (n, 3, H, W), 0…1.
            latents: float32 (n, 4, h, w).
            embeddings: (2, 77, E), of the negative and the positive prompt.

        Returns:
            float32 (n, 3, H, W), RGB in 0…1.
        """
        pipeline = self._pipeline
        negative, positive = (part.expand(len(hint), -1, -1) for part in embeddings.split(1))
        image = pipeline(
            image=torch.from_numpy(hint).to(pipeline.device, pipeline.dtype),
            prompt_embeds=positive,
            negative_prompt_embeds=negative,
            latents=torch.from_numpy(latents).to(pipeline.device, pipeline.dtype),
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            output_type="np",
        ).images
        return np.moveaxis(image, -1, 1)
