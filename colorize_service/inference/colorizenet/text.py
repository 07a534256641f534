"""From prompts to what the denoiser's cross-attention reads."""

import functools
import html
import logging
from collections.abc import Callable

import ftfy
import numpy as np
from tokenizers import Tokenizer

from colorize_service.bundle import Bundle
from colorize_service.inference.onnx_runtime import ort

log = logging.getLogger(__name__)

# Prompts whose context is kept; each takes some 10 MB.
_KEPT = 16

# Characters of a prompt that are looked at: far more than 77 tokens take, and no work to speak of.
_LOOKED_AT = 10_000


def clean(prompt: str) -> str:
    """A prompt as open_clip cleans it before its byte pair encoding."""
    prompt = html.unescape(html.unescape(ftfy.fix_text(prompt))).strip()
    return " ".join(prompt.split()).lower()


class Prompts:
    """Contexts of prompts, float16 or float32 (77, K). Those of the default prompts come with the bundle; the text
    encoder is loaded when the first other prompt comes, and kept. To be used from one thread."""

    def __init__(self, bundle: Bundle, defaults: tuple[str, str], open_encoder: Callable[[], ort.InferenceSession]):
        """``defaults``: the default negative and positive prompt."""
        self._tokenizer = Tokenizer.from_file(str(bundle.path("tokenizer")))
        self._defaults = dict(zip(defaults, np.load(bundle.path("prompts"), allow_pickle=False), strict=True))
        self._open_encoder = open_encoder
        self._encoder: ort.InferenceSession | None = None
        self._encoded = functools.lru_cache(_KEPT)(self._encode)

    def context(self, prompt: str) -> np.ndarray:
        """The context of a prompt. One of more than 77 tokens, start and end included, is cut, which the log says."""
        return self._defaults[prompt] if prompt in self._defaults else self._encoded(prompt)

    def tokens(self, prompt: str) -> np.ndarray:
        """CLIP's token ids of a prompt: int64 (77,)."""
        encoding = self._tokenizer.encode(clean(prompt[:_LOOKED_AT]))
        if encoding.overflowing:
            log.warning("A prompt was cut at %d tokens.", len(encoding.ids))
        return np.array(encoding.ids, np.int64)

    def _encode(self, prompt: str) -> np.ndarray:
        if self._encoder is None:
            self._encoder = self._open_encoder()
        (context,) = self._encoder.run(["context"], {"tokens": self.tokens(prompt)[None]})
        return context[0]
