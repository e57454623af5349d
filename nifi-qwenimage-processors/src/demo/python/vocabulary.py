"""Trains the demo model's byte-level BPE vocabulary on the world's sentences and writes it in the forms of Qwen2's."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "python"))

import chat  # noqa: E402
import tiny_tokenizer  # noqa: E402
import training  # noqa: E402
import wording  # noqa: E402
import world  # noqa: E402

FOLDER = training.TOKENIZER
MERGES = 640
def corpus(seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    sentences, _ = wording.Narrator(generator).tell(world.sample(generator, 12_000))
    prefix = tiny_tokenizer.TEMPLATE_PREFIX + "\n" + tiny_tokenizer.TEMPLATE_SUFFIX
    template = prefix.replace("<|im_start|>", "").replace("<|im_end|>", "")
    dialogues = chat.corpus(generator, 3000) + ["You are a helpful assistant.\nassistant\nuser\nsystem\n"] * 400
    general = [tiny_tokenizer.ENGLISH, tiny_tokenizer.CHINESE]
    # The template's words must become single tokens: the dropped prefix has exactly 34.
    return [template] * 4000 + sentences + dialogues + general * 60


def train(merges: int, seed: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus(seed), trainer)
    state = json.loads(tokenizer.to_str())["model"]
    return state["vocab"], [tuple(pair) for pair in state["merges"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merges", type=int, default=MERGES)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    vocabulary, merges = train(arguments.merges, arguments.seed)
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    tiny_tokenizer.write_both(FOLDER, vocabulary, merges)
    tokenizer = Qwen2Tokenizer.from_pretrained(FOLDER)
    prefix = tokenizer(tiny_tokenizer.TEMPLATE_PREFIX).input_ids
    assert len(prefix) == tiny_tokenizer.PREFIX_TOKENS, len(prefix)
    generator = np.random.default_rng(arguments.seed + 1)
    sentences, _ = wording.Narrator(generator).tell(world.sample(generator, 4000))
    lengths = [len(ids) for ids in tokenizer(sentences).input_ids]
    print("entries", len(vocabulary), "tokens a sentence", np.percentile(lengths, [50, 90, 99, 100]))


if __name__ == "__main__":
    main()
