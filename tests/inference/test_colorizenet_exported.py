"""From a checkpoint over the export to a picture: as diffusers and open_clip have it, and over HTTP."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
import torch
from PIL import Image

from colorize_service.bundle import Bundle
from colorize_service.inference.colorizenet.text import Prompts
from colorize_service.inference.model import Setup, load_folder
from colorize_service.inference.session import new_session
from colorize_service.options import Options
from export.checkpoint import Checkpoint, read_state
from tests.support import open_clip_text
from tests.support.checkpoints import TEXT
from tests.support.reference import Reference
from tests.support.service import Service, wait_until

PROMPTS = [
    "Colorize this image",
    "",
    "low quality, grainy, blurry, noisy image",
    "A photo of a red tram in summer, 1961.",
    "  MANY   spaces\tand\nlines ",
    "don't they're I've",
    "café naïve résumé",
    "&lt;b&gt; &amp;amp;",
    "1234567890",
    "!?.,;:--#@",
    "東京の夜",
    "Красная площадь",
    "\U0001f308 over \U0001f3d4\ufe0f",
    "Σίσυφος",
    "supercalifragilisticexpialidocious",
    "a" * 400,
    "green " * 75,
    "blue " * 200,
    "<start_of_text> in <end_of_text>",
    "it\u00e2\u20ac\u2122s",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """torch's threads wait for each other without sleep, which takes minutes where others want the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def checkpoint(colorizenet_checkpoint):
    return Checkpoint(colorizenet_checkpoint)


@pytest.fixture(scope="module")
def service(colorizenet_bundle, running):
    service = running(wait_for_model=False, MODEL_BUNDLE=colorizenet_bundle, MAX_BATCH=4, ONNX_THREADS=1)
    wait_until(lambda: requests.get(f"{service.url}/health", timeout=30).status_code == 200, 120, service.log)
    return service


@pytest.fixture(scope="module")
def model(colorizenet_bundle):
    return load_folder(colorizenet_bundle, Setup("cpu", 1))


@pytest.fixture(scope="module")
def prompts(colorizenet_bundle):
    bundle = Bundle(colorizenet_bundle)
    return Prompts(bundle, ("", ""), lambda: new_session(bundle.path("text_encoder"), 1, None))


@pytest.mark.parametrize(("steps", "scale"), [(20, 9.0), (3, 1.0)])
def test_the_picture_is_the_one_that_diffusers_makes(checkpoint, model, prompts, steps, scale):
    reference = Reference(checkpoint)
    width, height = model.processing_size(1, 1)
    luma = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    hint = np.repeat(luma[None] / np.float32(255), 3, axis=0)
    latents = np.random.default_rng(model.defaults.seed).standard_normal((4, height // 8, width // 8), np.float32)
    words = (model.defaults.negative_prompt, model.defaults.prompt)
    embeddings = reference.embedding(np.stack([prompts.tokens(prompt) for prompt in words]))
    theirs = reference(hint[None], latents[None], embeddings, steps, scale)[0]
    (ours,) = (future.result() for future in model.sample([(luma, Options(steps=steps, guidance_scale=scale))]))
    assert theirs.std() > 0.05, "there is nothing in the picture"
    assert np.abs(ours - theirs).max() <= 1 / 255


def test_the_text_encoder_is_openclips_up_to_its_last_layer(colorizenet_bundle, colorizenet_checkpoint, prompts):
    tower = open_clip_tower(colorizenet_checkpoint)
    tokenize = open_clip_text.load("tokenizer").SimpleTokenizer()
    encoder = new_session(colorizenet_bundle / "text_encoder.onnx", 1, None)
    for prompt in PROMPTS:
        tokens = tokenize([prompt])
        assert (prompts.tokens(prompt) == tokens[0].numpy()).all(), prompt
        (embedding,) = encoder.run(["embedding"], {"tokens": tokens.numpy()})
        with torch.inference_mode():
            x = tower.token_embedding(tokens) + tower.positional_embedding
            for block in tower.transformer.resblocks[:-1]:
                x = block(x, attn_mask=tower.attn_mask)
            expected = tower.ln_final(x).numpy()
        assert np.abs(embedding - expected).max() < 1e-4, prompt


def open_clip_tower(path) -> torch.nn.Module:
    """open_clip's own text tower with the checkpoint's weights."""
    state = {name.removeprefix(TEXT): weight for name, weight in read_state(path).items() if name.startswith(TEXT)}
    vocabulary, width = state["token_embedding.weight"].shape
    layers = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("transformer.resblocks."))
    tower = open_clip_text.load("transformer").TextTransformer(
        context_length=77, vocab_size=vocabulary, width=width, heads=width // 64, layers=layers, output_dim=width
    )
    missing, _ = tower.load_state_dict(state, strict=False)
    assert not missing
    return tower.eval()


def colorize(service: Service, photo: bytes, **fields: object) -> bytes:
    response = requests.post(f"{service.url}/colorize", files={"file": photo}, data={"steps": 2} | fields, timeout=120)
    assert response.status_code == 200, response.text
    return requests.get(response.json()["download_url"], timeout=30).content


def test_a_photo_gets_colours_and_keeps_its_luminance_and_size(service, gray_photo, gray_jpeg):
    result = Image.open(io.BytesIO(colorize(service, gray_jpeg)))
    assert result.size == gray_photo.size
    pixels = np.asarray(result).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 5, "the result is gray"
    off = np.abs(np.asarray(result.convert("L")).astype(int) - np.asarray(gray_photo).astype(int))
    assert off.mean() < 3


def test_prompt_and_seed_decide_and_the_same_give_the_same_bytes(service, gray_jpeg):
    chosen = colorize(service, gray_jpeg, prompt="a red cat", seed=4)
    assert chosen == colorize(service, gray_jpeg, prompt="a red cat", seed=4)
    assert chosen != colorize(service, gray_jpeg, prompt="a red cat", seed=5)
    assert chosen != colorize(service, gray_jpeg, prompt="a blue dog", seed=4)


def test_photos_that_come_together_get_what_they_get_alone(service, gray_jpeg):
    with ThreadPoolExecutor(5) as clients:
        together = list(clients.map(lambda seed: colorize(service, gray_jpeg, seed=seed), range(5)))
    assert together == [colorize(service, gray_jpeg, seed=seed) for seed in range(5)]
