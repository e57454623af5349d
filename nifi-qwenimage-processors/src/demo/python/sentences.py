"""Writes, ahead of the training and with all processors, what is said about the scenes: prompts and dialogues as tokens.

Scene by scene from seeds, so that pictures and sentences can be made apart.
"""

import argparse
import multiprocessing
import os
import time

import numpy as np
from tokenizers import Tokenizer

import chat
import training
import wording
import world

CHUNK = 10_000  # scenes drawn from one seed
TELLINGS = 4  # sentences for each scene
PROMPT = 32  # tokens of a sentence and what closes every prompt
SUFFIX_TOKENS = 5
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n"
TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, "
    "spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n"
)
CHAT_OPENING = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
PICTURE = 25  # tokens that stand for a picture of chat.SIDE
CHAT = 152  # tokens of a dialogue
EMPTY = " "
PROMPTS, CHATS = training.ROOT / "prompts.npz", training.ROOT / "chats.npz"


def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(training.TOKENIZER / "tokenizer.json"))


def scenes_of(chunk: int, count: int = CHUNK) -> world.Scenes:
    """The scenes of which latents are made."""
    return world.sample(np.random.default_rng([3, chunk]), CHUNK)[slice(0, count)]


def chat_scenes_of(chunk: int, count: int = CHUNK) -> world.Scenes:
    """The scenes about which is asked."""
    return world.sample(np.random.default_rng([4, chunk]), CHUNK)[slice(0, count)]


class Writer:
    def __init__(self) -> None:
        self.tokens = tokenizer()
        encode = lambda text: self.tokens.encode(text).ids
        self.suffix = encode(SUFFIX)
        image = self.tokens.token_to_id("<|image_pad|>")
        self.opening = encode(CHAT_OPENING) + [image] * PICTURE + encode("<|vision_end|>")
        self.end = encode("<|im_end|>")
        assert len(encode(TEMPLATE)) == 34 and len(self.suffix) == SUFFIX_TOKENS

    def prompts(self, sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """[n, PROMPT] ids, padded, and how many of them count; a length over PROMPT says that a sentence was cut."""
        rows = [encoding.ids + self.suffix for encoding in self.tokens.encode_batch(sentences)]
        lengths = np.array([len(row) for row in rows], dtype=np.int16)
        ids = np.full((len(rows), PROMPT), self.suffix[-1], dtype=np.int16)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row[:PROMPT]
        return ids, lengths

    def dialogue(self, question: list[int], answer: list[int]) -> tuple[list[int], int]:
        """Ids, and where the answer begins."""
        before = self.opening + question + self.suffix
        return before + answer + self.end, len(before)


def write_prompts(task: tuple[int, int, int]) -> tuple[np.ndarray, ...]:
    """Sentences about one chunk's scenes: ids [n, PROMPT], lengths [n], slots [n, len(SLOTS)]."""
    chunk, telling, count = task
    scenes = scenes_of(chunk, count)
    generator = np.random.default_rng([5, chunk, telling])
    narrator, writer = wording.Narrator(generator), Writer()
    told, slots = narrator.tell(scenes)
    ids, lengths = writer.prompts(told)
    # The few sentences that do not fit are told again.
    while len(rows := np.flatnonzero(lengths > PROMPT)) > 0:
        again, slots[rows] = narrator.tell(scenes[rows])
        ids[rows], lengths[rows] = writer.prompts(again)
    return ids, lengths, slots.astype(np.int8)


def write_chats(task: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Dialogues about one chunk's scenes: ids [n, CHAT], where answers begin [n], where they end [n]."""
    chunk, count = task
    scenes = chat_scenes_of(chunk, count)
    boxes, questioner, writer = world.boxes(scenes), chat.Questioner(np.random.default_rng([6, chunk])), Writer()
    asked = [questioner.ask(chat.Things(scenes, boxes, row)) for row in range(count)]
    questions = writer.tokens.encode_batch([question for question, _ in asked])
    answers = writer.tokens.encode_batch([answer for _, answer in asked])
    ids = np.full((count, CHAT), writer.end[0], dtype=np.int16)
    starts, ends = np.zeros(count, dtype=np.int16), np.zeros(count, dtype=np.int16)
    for row, (question, answer) in enumerate(zip(questions, answers)):
        whole, starts[row] = writer.dialogue(question.ids, answer.ids)
        ends[row] = min(len(whole), CHAT)
        ids[row, : len(whole)] = whole[:CHAT]
    return ids, starts, ends


def run(task: tuple) -> tuple[np.ndarray, ...]:
    return write_chats(task[1:]) if task[0] == "chat" else write_prompts(task[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200_000)
    parser.add_argument("--chats", type=int, default=400_000)
    arguments = parser.parse_args()
    started = time.time()
    size = lambda total, chunk: min(CHUNK, total - chunk * CHUNK)
    chunks = lambda total: range(-(-total // CHUNK))
    chats = [("chat", chunk, size(arguments.chats, chunk)) for chunk in chunks(arguments.chats)]
    prompts = [
        ("prompt", chunk, telling, size(arguments.scenes, chunk))
        for telling in range(TELLINGS)
        for chunk in chunks(arguments.scenes)
    ]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        done = pool.map(run, chats + prompts, chunksize=1)
    for path, names, parts in (
        (CHATS, ("ids", "starts", "ends"), done[: len(chats)]),
        (PROMPTS, ("ids", "lengths", "slots"), done[len(chats) :]),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npz")
        np.savez(aside, **{name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)})
        aside.replace(path)
    training.final("sentences")
    training.log("sentences", f"{len(prompts)} and {len(chats)} chunks written in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
