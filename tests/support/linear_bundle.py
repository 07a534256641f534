"""A bundle of kind ``colorizenet`` whose network is a handful of sums, so that a test can say what must come out."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer, models, pre_tokenizers

SIDE, CONTEXT_WIDTH, FEATURES = 64, 6, 5

DIFFUSION = {
    "prediction_type": "epsilon",
    "train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "hint_channels": 3,
}
DEFAULTS = {"prompt": "colour it", "negative_prompt": "", "seed": 0, "steps": 4, "guidance_scale": 3.0}

_HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'

_TEXT_ENCODER = """
text_encoder (int64[m, 77] tokens) => (float[m, 77, 1] embedding, float[m, 77, 6] context)
<int64[1] last = {2}, int64[3] repeats = {1, 1, 6}, float scale = {100}> {
  numbers = Cast<to = 1>(tokens)
  small = Div(numbers, scale)
  embedding = Unsqueeze(small, last)
  context = Tile(embedding, repeats)
}"""

_HINT_ENCODER = """
hint_encoder (float[n, 3, H, W] hint) => (float[n, 5, h, w] hint_features)
<int64[1] channels = {1}, int64[4] repeats = {1, 5, 1, 1}> {
  pooled = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(hint)
  gray = ReduceMean<keepdims = 1>(pooled, channels)
  hint_features = Tile(gray, repeats)
}"""

# The network's output: half of x, and the means of its picture's context and features.
_DENOISER = """
denoiser (float[2, n, 4, h, w] state, float[7] step, float[n, 5, h, w] hint_features, float[m, 77, 6] context)
  => (float[2, n, 4, h, w] next_state)
<int64 first = {0}, int64 second = {1}, int64 last = {-1}, int64[1] zero = {0}, int64[3] ones = {1, 1, 1},
 int64[1] channels = {1}, int64[2] words = {1, 2}, float half = {0.5},
 int64 s1 = {1}, int64 s2 = {2}, int64 s3 = {3}, int64 s4 = {4}, int64 s5 = {5}, int64 s6 = {6}> {
  x = Gather<axis = 0>(state, first)
  before = Gather<axis = 0>(state, second)
  shape = Shape(x)
  rows = Shape<start = 0, end = 1>(context)
  n = Shape<start = 0, end = 1>(x)
  g = Div(rows, n)
  repeats = Concat<axis = 0>(g, ones)
  xs = Tile(x, repeats)
  features = ReduceMean<keepdims = 1>(hint_features, channels)
  many = Tile(features, repeats)
  meaning = ReduceMean<keepdims = 1>(context, words)
  flat = Unsqueeze(meaning, channels)
  part = Mul(xs, half)
  seen = Add(part, many)
  output = Add(seen, flat)
  by_prompt = Concat<axis = 0>(g, shape)
  outputs = Reshape(output, by_prompt)
  negative = Gather<axis = 0>(outputs, first)
  positive = Gather<axis = 0>(outputs, last)
  scale = Gather<axis = 0>(step, s1)
  clean_sample = Gather<axis = 0>(step, s2)
  clean_output = Gather<axis = 0>(step, s3)
  next_sample = Gather<axis = 0>(step, s4)
  next_clean = Gather<axis = 0>(step, s5)
  next_before = Gather<axis = 0>(step, s6)
  difference = Sub(positive, negative)
  more = Mul(scale, difference)
  guided = Add(negative, more)
  a = Mul(clean_sample, x)
  b = Mul(clean_output, guided)
  clean = Add(a, b)
  c = Mul(next_sample, x)
  d = Mul(next_clean, clean)
  e = Mul(next_before, before)
  f = Add(c, d)
  next = Add(f, e)
  upper = Unsqueeze(next, zero)
  lower = Unsqueeze(clean, zero)
  next_state = Concat<axis = 0>(upper, lower)
}"""

_DECODER = """
decoder (float[n, 4, h, w] latents) => (float[n, 3, H, W] image)
<int64[1] begin = {0}, int64[1] end = {3}, int64[1] axis = {1}, float[4] scales = {1, 1, 8, 8}> {
  rgb = Slice(latents, begin, end, axis)
  within = Sigmoid(rgb)
  image = Resize<mode = "nearest">(within, , scales)
}"""


def predict(x: np.ndarray, context: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """The network's output for x float (4, h, w), context (77, K) and the picture's mean in cells of 8 × 8, (h, w)."""
    return x / 2 + gray + context.mean()


def write_bundle(folder: Path, **changes: object) -> Path:
    """Write the bundle into ``folder``; ``changes`` replace entries of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"tokenizer": "tokenizer.json", "prompts": "prompts.npy"}
    words = {"": 0, "[UNK]": 1} | {
        word: number for number, word in enumerate(["colour", "it", "red", "green", "blue"], 2)
    }
    tokenizer = Tokenizer(models.WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(77)
    tokenizer.enable_padding(length=77, pad_id=0, pad_token="")
    tokenizer.save(str(folder / "tokenizer.json"))
    contexts = [np.array(tokenizer.encode(DEFAULTS[name]).ids) / 100 for name in ("negative_prompt", "prompt")]
    np.save(folder / "prompts.npy", np.repeat(np.stack(contexts)[..., None], CONTEXT_WIDTH, 2).astype(np.float32))
    for name, text in (
        ("text_encoder", _TEXT_ENCODER),
        ("hint_encoder", _HINT_ENCODER),
        ("denoiser", _DENOISER),
        ("decoder", _DECODER),
    ):
        files[name] = f"{name}.onnx"
        onnx.save(onnx.parser.parse_model(_HEADER + text), folder / files[name])
    manifest = {
        "format": 1,
        "kind": "colorizenet",
        "name": "Linear",
        "version": "1",
        "precision": "fp32",
        "processing": {"width": SIDE, "height": SIDE, "multiple_of": 64},
        "defaults": DEFAULTS,
        "diffusion": DIFFUSION,
        "source": "a test",
        "licence": "none",
        "files": {name: _entry(folder / path) for name, path in files.items()},
    } | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _entry(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    return {"path": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
