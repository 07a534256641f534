"""CLIP's byte pair encoding as one ``tokenizer.json``, with the ids of open_clip.

The vocabulary beside this file is OpenAI's (https://github.com/openai/CLIP, MIT licence), the one that the package
open_clip_torch ships; that package itself needs torchvision, which has to fit the build of torch.
"""

import gzip
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

VOCABULARY = Path(__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
START, END = "<start_of_text>", "<end_of_text>"
# The file goes on past the merges that the model was trained with.
_MERGES = 49152 - 256 - 2
_WORDS = r"(?i:<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"


def make_tokenizer(length: int) -> Tokenizer:
    """The tokenizer for cleaned text: start, the text cut to ``length`` - 2 ids, end, then zeros."""
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : _MERGES + 1]]
    alphabet = _alphabet()
    tokens = alphabet + [token + "</w>" for token in alphabet] + ["".join(merge) for merge in merges] + [START, END]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(token, vocabulary[token]) for token in (START, END)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=0, pad_token=tokens[0])
    return tokenizer


def _alphabet() -> list[str]:
    """A printable character for each byte, in the order of CLIP's vocabulary: first those that are printable."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(others)]
