"""Prompts become the numbers that the text encoder was trained with: those of open_clip's tokenizer."""

import json
from pathlib import Path

import pytest

from colorize_service.inference.colorizenet.text import clean
from export.tokenizer import make_tokenizer

# 200 strings and what open_clip_torch 3.3.0 makes of them, without the zeros at the end: languages, emoji, control
# characters, HTML entities, wrongly decoded text, odd white space, special tokens, texts that are cut.
CASES = json.loads(Path(__file__).with_name("tokens.json").read_text())


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(77)


def test_ids_are_those_of_open_clip(tokenizer):
    assert len(CASES) == 200
    different = [text for text, ids in CASES if tokenizer.encode(clean(text)).ids != ids + [0] * (77 - len(ids))]
    assert different == []


def test_a_long_prompt_is_cut_and_ends_as_one(tokenizer):
    ids = tokenizer.encode(clean("word " * 500)).ids
    assert len(ids) == 77 and ids[0] == 49406 and ids[-1] == 49407 and ids[1] == ids[75]


def test_the_empty_prompt_is_start_and_end(tokenizer):
    assert tokenizer.encode(clean(" \n")).ids == [49406, 49407] + [0] * 75
