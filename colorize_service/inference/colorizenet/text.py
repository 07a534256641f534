"""From prompts to their contexts: the keys and values of the denoiser's cross-attentions."""

import functools
import html
import logging
from collections.abc import Callable

import ftfy
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from colorize_service.bundle import Bundle
from colorize_service.inference.device import Array
from colorize_service.inference.onnx_runtime import ort

log = logging.getLogger(__name__)

# Prompts whose contexts are cached; each takes some 10 MB.
_KEPT = 16

# Characters of a prompt that are tokenized: far more than 77 tokens have, and little work.
_LOOKED_AT = 10_000


def clean(prompt: str) -> str:
    """A prompt as open_clip cleans it before its byte pair encoding."""
    prompt = html.unescape(html.unescape(ftfy.fix_text(prompt))).strip()
    return " ".join(prompt.split()).lower()


class Prompts:
    """Contexts of prompts, float16 or float32 (77, K), for use in one thread.

    Those of the default prompts are in the bundle. The text encoder is loaded for the first other prompt, and kept.
    """

    def __init__(self, bundle: Bundle, defaults: tuple[str, str], open_encoder: Callable[[], ort.InferenceSession]):
        """
        Args:
            bundle: has the files ``tokenizer`` and ``prompts``.
            defaults: the default negative and positive prompt.
            open_encoder: loads the text encoder.
        """
        self._tokenizer = Tokenizer.from_file(str(bundle.path("tokenizer")))
        self._defaults = dict(zip(defaults, np.load(bundle.path("prompts"), allow_pickle=False), strict=True))
        self._open_encoder = open_encoder
        self._encoder: ort.InferenceSession | None = None
        self._encoded = functools.lru_cache(_KEPT)(self._encode)

    def context(self, prompt: str) -> Array:
        """The context of a prompt. One of more than 77 tokens, start and end included, is cut; the log tells it."""
        return self._defaults[prompt] if prompt in self._defaults else self._encoded(prompt)

    def tokens(self, prompt: str) -> NDArray[np.int64]:
        """CLIP's token ids of a prompt: int64 (77,)."""
        encoding = self._tokenizer.encode(clean(prompt[:_LOOKED_AT]))
        if encoding.overflowing:
            log.warning("A prompt was cut at %d tokens.", len(encoding.ids))
        return np.array(encoding.ids, np.int64)

    def _encode(self, prompt: str) -> Array:
        if self._encoder is None:
            self._encoder = self._open_encoder()
        (contexts,) = self._encoder.run(["context"], {"tokens": self.tokens(prompt)[None]})
        context: Array = contexts[0]
        return context
