"""Makes test/resources/tokenizer: Qwen2's published vocabulary and the ids transformers gives thousands of strings.

The vocabulary comes from the file `qwen.tiktoken` (151,643 ranks) in the PyPI wheel `dashscope`:
`pip download --no-deps dashscope`, unpack it, and name the file on the command line.
"""

import argparse
import base64
import gzip
import io
import json
import random
import tempfile
import unicodedata
import zipfile
from pathlib import Path

from transformers import Qwen2Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

import tiny_tokenizer
from make_goldens import LONG_PROMPT

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
RANKS = 151643
LIMIT = 2_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ranks", type=Path, help="qwen.tiktoken")
    parser.add_argument("--output", type=Path, default=RESOURCES / "tokenizer")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = read_ranks(arguments.ranks)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tiny_tokenizer.write_published(folder, vocabulary, merges)
        tokenizer = Qwen2Tokenizer.from_pretrained(folder)
        assert len(tokenizer) == RANKS + len(tiny_tokenizer.ADDED_TOKENS)
        assert len(tokenizer(tiny_tokenizer.TEMPLATE_PREFIX).input_ids) == tiny_tokenizer.PREFIX_TOKENS
        write_archive(folder, arguments.output / "qwen2-tokenizer.zip")
    texts = sorted(set(strings(random.Random(20250804))), key=lambda text: (len(text), text))
    # The library normalises by older Unicode tables: strings with later combining characters are left to it.
    agreed = [text for text in texts if tokenizer.backend_tokenizer.normalizer.normalize_str(text) == normal(text)]
    cases = [[text, tokenizer(text).input_ids] for text in agreed]
    for text, ids in cases:
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == normal(text), text
    print(len(texts) - len(agreed), "strings left out, such as", ascii(sorted(set(texts) - set(agreed))[:3]))
    packed = json.dumps(cases, ensure_ascii=False, separators=(",", ":")).encode()
    (arguments.output / "qwen2-expected.json.gz").write_bytes(gzip.compress(packed, 9, mtime=0))
    print(len(cases), "strings,", sum(len(ids) for _, ids in cases), "ids")
    assert len(cases) >= 4000


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def read_ranks(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ranks are ids; a token's merge is what byte-pair merging by lower ranks leaves of it: two parts."""
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    assert len(ranks) == RANKS and sorted(ranks.values()) == list(range(RANKS))
    letters = bytes_to_unicode()
    spell = lambda token: "".join(letters[byte] for byte in token)
    ordered = sorted(ranks, key=ranks.get)
    assert all(len(token) == 1 for token in ordered[:256])
    merges = []
    for token in ordered[256:]:
        left, right = split(ranks, token)
        merges.append((spell(left), spell(right)))
    return {spell(token): rank for token, rank in ranks.items()}, merges


def split(ranks: dict[bytes, int], token: bytes) -> tuple[bytes, bytes]:
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        pairs = [(ranks.get(parts[i] + parts[i + 1], RANKS), i) for i in range(len(parts) - 1)]
        rank, index = min(pairs)
        assert rank < ranks[token], token
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts[0], parts[1]


def write_archive(folder: Path, path: Path) -> None:
    """The tokenizer folder in the published form, byte for byte the same from the same input."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(file.name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes(), compresslevel=9)
    assert stream.tell() <= LIMIT
    path.write_bytes(stream.getvalue())


ENGLISH = (
    "the of and to in is that it for was on are as with his they at be this from have or by one had not but what all "
    "were when we there can an your which their said if do will each about how up out them then she many some so these "
    "would other into has more her two like him see time could no make than first been its who now people my made over "
    "did down only way find use may water long little very after words called just where most know get through back "
    "photorealistic cinematic watercolor unbelievable Schrödinger's O'Reilly's don't WE'LL I'VE they'd y'all rock'n'roll "
    "antidisestablishmentarianism HTTPServer camelCaseName snake_case_name kebab-case e-mail co-operate naïve façade "
    "4K 1080p 16:9 f/1.8 85mm ISO400 $19.99 €20 £5.50 ¥3000 100% #hashtag @mention C++ C# .NET v2.0.1 10,000 3.14159"
).split()
CHINESE = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点"
    "通义千问霓虹灯招牌水墨画电影级构图超高清摄影师龘靐齉爩麤灪龖"
)
OTHER_SCRIPTS = [
    "こんにちは世界、カタカナとひらがな",
    "안녕하세요 세계",
    "Привет, мир! Ёжик",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "مرحبا بالعالم ١٢٣",
    "नमस्ते दुनिया १२३",
    "สวัสดีชาวโลก",
    "வணக்கம் உலகம்",
    "გამარჯობა",
    "Բարեւ աշխարհ",
    "ሰላም ልዑል",
    "ខ្មែរ",
    "བོད་ཡིག",
    "Tiếng Việt rất đẹp",
    "Zażółć gęślą jaźń",
    "Ω≈ç√∫˜µ≤≥÷",
    "ﬁﬂﬃ ＡＢＣ１２３",
    "①②③ ⅠⅡⅢ ½⅓",
    "𝕳𝖊𝖑𝖑𝖔 𝒲ℴ𝓇𝓁𝒹",
    "𠀀𠀁𪚥",
    "İstanbul ıI ſ ẞ",
    "ǅ ǈ ʰ ª º",
]
EMOJI = "😀 🪁 👩‍👩‍👧 🏳️‍🌈 👍🏽 🇵🇹 1️⃣ ❤️ ☃ 🫠 🧑🏿‍🚀 ♂️ ©️ 🀄 🈚".split()
SPACES = [
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    " \n",
    "\n ",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\u200b",
    "\u2028",
    "\u0085",
    "\x0b",
    "\x0c",
]
COMBINING = [
    "e\u0301",
    "A\u030a",
    "n\u0303",
    "\u1100\u1161\u11a8",
    "\u212b",
    "q\u0307\u0323",
    "\u0344",
    "\u0958",
    "o\u0302\u0301",
    "\u2126",
    "が",
    "か\u3099",
    "\u0301x",
    "\ufb1d",
]
CODE = [
    "def f(x):\n    return x ** 2  # square\n",
    "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}",
    '<div class="a">&nbsp;</div>',
    "SELECT * FROM t WHERE a='b' AND c>=10;",
    '{"key": [1, 2.5e-3, null, true]}',
    "x=1;y=2;;;",
    "https://example.org/a?b=c&d=%20#e",
    "C:\\Users\\me\\file.txt",
    "\\frac{a}{b} + \\sqrt[3]{x}",
    "!!!???...,,,---===+++",
    "(((a)))[[b]]{{c}}",
    "a'b'c''d\"e\"",
    "```python\nprint('hi')\n```",
]
SPECIAL = [content for content, _ in tiny_tokenizer.ADDED_TOKENS]
NEARLY_SPECIAL = [
    "<|im_start|",
    "|im_end|>",
    "<|IM_END|>",
    "<| im_end |>",
    "<|endoftext",
    "<|extra_0|>",
    "<tool_call",
    "<|unknown|>",
    "</tool_call >",
]


def strings(source: random.Random) -> list[str]:
    """Words, scripts, code, numbers, whitespace, marks, special tokens and noise, alone and mixed."""
    texts = ["", LONG_PROMPT, tiny_tokenizer.TEMPLATE_PREFIX, tiny_tokenizer.TEMPLATE_SUFFIX]
    texts += ENGLISH + OTHER_SCRIPTS + EMOJI + SPACES + COMBINING + CODE + SPECIAL + NEARLY_SPECIAL
    texts += [tiny_tokenizer.TEMPLATE_PREFIX + text + tiny_tokenizer.TEMPLATE_SUFFIX for text in OTHER_SCRIPTS + EMOJI]
    texts += [chr(code) for code in range(0x180)]
    texts += [f"a{space * count}b" for space in SPACES for count in (1, 2, 3, 5)]
    texts += [character * count for character in "a =-中é😀\n0" for count in (2, 3, 4, 7, 16, 33, 100, 400)]
    texts += [str(source.randrange(10**digits)) for digits in range(1, 30) for _ in range(3)]
    texts += [f"{source.uniform(-1e6, 1e6):,.{source.randrange(6)}f}" for _ in range(60)]
    assigned = [code for code in range(0x20, 0x32000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    marks = [code for code in assigned if unicodedata.category(chr(code)).startswith("M")]
    for _ in range(700):
        texts.append(source.choice([" ", ""]).join(source.choices(ENGLISH, k=source.randint(2, 14))))
        texts.append("".join(source.choices(CHINESE, k=source.randint(1, 24))))
    for _ in range(600):
        texts.append("".join(chr(source.choice(assigned)) for _ in range(source.randint(1, 12))))
    for _ in range(300):
        letters = source.choices("aeiouAEIOUcnsyзиΩかハ가中", k=source.randint(1, 5))
        texts.append(
            "".join(
                letter + "".join(chr(source.choice(marks)) for _ in range(source.randrange(3))) for letter in letters
            )
        )
    for _ in range(300):
        texts.append("".join(chr(source.randrange(0x00, 0x80)) for _ in range(source.randint(1, 20))))
    pools = [
        ENGLISH,
        list(CHINESE),
        OTHER_SCRIPTS,
        EMOJI,
        SPACES,
        COMBINING,
        CODE,
        SPECIAL,
        NEARLY_SPECIAL,
        SPACES,
        list("\"'“”‘’.,!?:;()[]{}<>|/\\"),
    ]
    for _ in range(1400):
        texts.append("".join(source.choice(source.choice(pools)) for _ in range(source.randint(2, 9))))
    return texts


if __name__ == "__main__":
    main()
