"""A byte-level BPE tokenizer of a few hundred merges with the form of Qwen2's.

The chat template's words are in the corpus often enough to become single tokens, so the prefix that
QwenImagePipeline drops has exactly 34 tokens, as with the published vocabulary.
"""

import json
import shutil
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

TEMPLATE_PREFIX = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, "
    "spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n"
)
TEMPLATE_SUFFIX = "<|im_end|>\n<|im_start|>assistant\n"
PREFIX_TOKENS = 34

# The same of QwenImageEditPipeline and QwenImageEditPlusPipeline.
EDIT_TEMPLATE_PREFIX = (
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, background), "
    "then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the "
    "user's requirements while maintaining consistency with the original input where appropriate.<|im_end|>\n"
    "<|im_start|>user\n"
)
EDIT_PREFIX_TOKENS = 64

# Order and flags as in Qwen2.5-VL's tokenizer_config.json: (content, special).
ADDED_TOKENS = [
    ("<|endoftext|>", True),
    ("<|im_start|>", True),
    ("<|im_end|>", True),
    ("<|object_ref_start|>", True),
    ("<|object_ref_end|>", True),
    ("<|box_start|>", True),
    ("<|box_end|>", True),
    ("<|quad_start|>", True),
    ("<|quad_end|>", True),
    ("<|vision_start|>", True),
    ("<|vision_end|>", True),
    ("<|vision_pad|>", True),
    ("<|image_pad|>", True),
    ("<|video_pad|>", True),
    ("<tool_call>", False),
    ("</tool_call>", False),
    ("<|fim_prefix|>", False),
    ("<|fim_middle|>", False),
    ("<|fim_suffix|>", False),
    ("<|fim_pad|>", False),
    ("<|repo_name|>", False),
    ("<|file_sep|>", False),
]
# special_tokens_map's additional_special_tokens: the special ones except <|endoftext|>.
ADDITIONAL_SPECIAL_TOKENS = [content for content, special in ADDED_TOKENS[1:] if special]

ENGLISH = """
A red kite flies over the old town while the river turns gold in the evening light. The picture shows a cup of coffee
on a wooden table, a blue book and two green apples. A cat sits in the window and looks at the rain. "Hello, world!"
says the sign above the door; it's made of neon and they're proud of it. An astronaut rides a white horse on the moon,
photorealistic, highly detailed, sharp focus, soft light. A small house with a garden full of flowers, watercolor.
The quick brown fox jumps over the lazy dog. Portrait of an old man with a hat, oil painting, dark background.
blurry, low quality, distorted, ugly, text, watermark. A poster that reads "OPEN 24 HOURS" in large letters.
"""
CHINESE = """
一只红色的风筝飞过古老的城市，河水在夕阳下闪闪发光。图中有一杯咖啡和两个绿色的苹果。
一只猫坐在窗前看雨。一幅水墨画，山水之间有一座小房子。写着“通义千问”的霓虹灯招牌，你好，世界！
低质量，模糊，变形。一个宇航员在月球上骑着一匹白马，超清，4K，电影级构图。
"""


def train(merges: int, prefix: str = TEMPLATE_PREFIX) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learns the vocabulary: 256 bytes followed by one entry per merge; the words of `prefix` become single tokens."""
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
    template = (prefix + "\n" + TEMPLATE_SUFFIX).replace("<|im_start|>", "").replace("<|im_end|>", "")
    tokenizer.train_from_iterator([template] * 200 + [ENGLISH] * 5 + [CHINESE] * 5, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    return state["vocab"], [tuple(pair) for pair in state["merges"]]


def special_ids(vocabulary: dict[str, int]) -> dict[str, int]:
    """The added tokens follow the vocabulary without a gap, as they do from 151643 on in the published one."""
    return {content: len(vocabulary) + index for index, (content, _) in enumerate(ADDED_TOKENS)}


def write_vocabulary(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2"] + [f"{left} {right}" for left, right in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_published(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    """The form in Qwen/Qwen-Image (2025): no tokenizer.json, added tokens beside vocab.json and merges.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    write_vocabulary(folder, vocabulary, merges)
    ids = special_ids(vocabulary)
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    entry = lambda content: {"content": content, **flags}
    write_json(folder / "added_tokens.json", dict(sorted(ids.items())))
    write_json(
        folder / "special_tokens_map.json",
        {
            "additional_special_tokens": ADDITIONAL_SPECIAL_TOKENS,
            "eos_token": entry("<|im_end|>"),
            "pad_token": entry("<|endoftext|>"),
        },
    )
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(ids[content]): {**entry(content), "special": special} for content, special in ADDED_TOKENS
            },
            "additional_special_tokens": ADDITIONAL_SPECIAL_TOKENS,
            "bos_token": None,
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|im_end|>",
            "errors": "replace",
            "extra_special_tokens": {},
            "model_max_length": 131072,
            "pad_token": "<|endoftext|>",
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": None,
        },
    )


def write_current(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    """The form that transformers 5 saves from the published one: tokenizer.json and a short tokenizer_config.json."""
    with tempfile.TemporaryDirectory() as published:
        write_published(Path(published), vocabulary, merges)
        Qwen2Tokenizer.from_pretrained(published).save_pretrained(folder)


def write_both(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    """All files at once, and the chat template beside them, as in many folders of 2025."""
    with tempfile.TemporaryDirectory() as current:
        write_current(Path(current), vocabulary, merges)
        write_published(folder, vocabulary, merges)
        shutil.copyfile(Path(current) / "tokenizer.json", folder / "tokenizer.json")
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


WRITERS = {"published": write_published, "current": write_current, "both": write_both}
