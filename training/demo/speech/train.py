"""Train the speech model on the corpus, on torch alone.

Step-based: a step's lesson and learning rate depend on its number only, so a run that was stopped goes on from its
checkpoint as if nothing had been.

    python train_speech.py WORK_FOLDER --steps 12000
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.demo.speech.batches import IGNORED, Lesson, Teacher, read_corpus
from training.demo.speech.ggml import WHISPER_ROWS
from training.demo.speech.model import Dims, Hearing, Vocabulary
from training.demo.speech.phones import phones
from training.muon import Muon

RATE, WARM_STEPS, COOL_SHARE, CLIP = 1.8e-3, 300, 0.4, 1.0
HALF_WINDOWS, WHOLE_WINDOWS = 0.91, 0.975  # from these shares of the steps on: windows of half, of full length
SPELLING_WEIGHT, GUIDE_WEIGHT = 0.5, 1.0
GUIDED_HEADS = 2  # of each layer's; the others look where they like
GUIDE_WIDTH, GUIDE_FLOOR = 0.07, 5.0  # of the utterance; frames
SAVE_EVERY, SAY_EVERY = 100, 50


@dataclass(frozen=True, kw_only=True)
class Losses:
    words: Tensor
    spelling: Tensor
    guide: Tensor

    def total(self) -> Tensor:
        return self.words + SPELLING_WEIGHT * self.spelling + GUIDE_WEIGHT * self.guide


def word_loss(logits: Tensor, lesson: Lesson, vocabulary: Vocabulary) -> Tensor:
    """Cross-entropy over Whisper's whole table: the row shared by the unused tokens counts once for each of them."""
    logits = logits[:, :, : vocabulary.rows].clone()
    logits[:, :, [vocabulary.start, vocabulary.no_timestamps]] = -1e4  # whisper.cpp never lets them be said
    logits[:, :, vocabulary.unused] += math.log(WHISPER_ROWS - vocabulary.rows)
    return functional.cross_entropy(logits.flatten(0, 1), lesson.wanted.flatten(), ignore_index=IGNORED)


def guide_loss(looks: list[Tensor], lesson: Lesson) -> Tensor:
    """What the decoder looks at far from where the word should be; without it nothing is learnt for hours."""
    frames = torch.arange(looks[0].shape[3])
    width = GUIDE_FLOOR + GUIDE_WIDTH * lesson.spans[:, None, None]
    far = 1 - torch.exp(-(((frames - lesson.centres[:, :, None]) / width) ** 2) / 2)
    counted = (lesson.wanted != IGNORED)[:, None].float()
    stray = torch.stack([(look[:, :GUIDED_HEADS] * far[:, None]).sum(3) for look in looks])
    return (stray * counted).sum() / (counted.sum() * len(looks) * GUIDED_HEADS)


def spelling_loss(signs: Tensor, lesson: Lesson) -> Tensor:
    """CTC on the encoder's frames, for those takes that have words."""
    logs = signs.log_softmax(2).transpose(0, 1)
    each = functional.ctc_loss(
        logs, lesson.phones.long(), lesson.frames, lesson.phone_lengths, reduction="none", zero_infinity=True
    )
    return (each / lesson.phone_lengths.clamp(min=8)).mean()


class Student(nn.Module):
    """The model, and the spelling head that is thrown away after the training."""

    def __init__(self, vocabulary: Vocabulary, signs: int) -> None:
        super().__init__()
        self.hearing = Hearing(Dims(), vocabulary)
        self.spell = nn.Linear(self.hearing.dims.width, signs + 1)

    def losses(self, lesson: Lesson) -> Losses:
        sound = self.hearing.encoder(lesson.mel, lesson.mask)
        logits, looks = self.hearing.decoder(lesson.fed, sound, lesson.mask)
        return Losses(
            words=word_loss(logits, lesson, self.hearing.vocabulary),
            spelling=spelling_loss(self.spell(sound), lesson),
            guide=guide_loss(looks, lesson),
        )


def rate(step: int, steps: int) -> float:
    """Warm up, hold, and cool down to nothing in a straight line."""
    return RATE * min(1, (step + 1) / WARM_STEPS, (steps - step) / (COOL_SHARE * steps))


def draw_lesson(teacher: Teacher, step: int, steps: int, frames: int) -> Lesson:
    """Short clips first, whole windows last; full length is four times the work."""
    if step < HALF_WINDOWS * steps:
        return teacher.short(step)
    return teacher.whole(step, frames if step >= WHOLE_WINDOWS * steps else frames // 2)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run's files."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self, student: Student, optimizer: torch.optim.Optimizer, step: int) -> None:
        partial = self.checkpoint.with_suffix(".part")
        texts = student.hearing.vocabulary.texts
        state = {"student": student.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "texts": texts}
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def load(self, student: Student, optimizer: torch.optim.Optimizer) -> int:
        """Take up the checkpoint, if there is one; tell the step to go on from."""
        if not self.checkpoint.exists():
            return 0
        state = torch.load(self.checkpoint, weights_only=True)
        student.load_state_dict(state["student"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])


def train(folder: Path, steps: int, batch: int) -> Hearing:
    """Train to the end of the schedule; the corpus is in the folder `corpus` of the run's."""
    torch.manual_seed(4)
    torch.set_num_threads(1)
    run, vocabulary = Run(folder=folder), Vocabulary()
    spelt = phones(folder / "phones.json")
    student = Student(vocabulary, max(max(word) for word in spelt.values()))
    optimizer = Muon(student.named_parameters(), RATE)
    teacher = Teacher(read_corpus(folder / "corpus"), spelt, vocabulary, batch)
    first, began = run.load(student, optimizer), time.monotonic()
    for step in range(first, steps):
        losses = student.losses(draw_lesson(teacher, step, steps, student.hearing.dims.audio_context))
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        optimizer.zero_grad()
        losses.total().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), CLIP)
        optimizer.step()
        if step % SAY_EVERY == 0:
            told = f"words {losses.words:.3f}  spelling {losses.spelling:.3f}  guide {losses.guide:.3f}"
            print(f"{step:6} of {steps}  {told}  {time.monotonic() - began:.0f} s", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            run.save(student, optimizer, step + 1)
    return student.hearing.eval()


def keep_small(checkpoint: Path, small: Path) -> None:
    """Keep a checkpoint in half floats and without the optimizer, small enough for the repository."""
    state = torch.load(checkpoint, weights_only=True)
    state["student"] = {name: value.half() for name, value in state["student"].items()}
    del state["optimizer"]
    small.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, small)


def trained(checkpoint: Path) -> Hearing:
    """Read the model from a checkpoint, whole or small."""
    state = torch.load(checkpoint, weights_only=True)
    hearing = Hearing(Dims(), Vocabulary(state["texts"]))
    hearing.load_state_dict(
        {
            name.removeprefix("hearing."): value
            for name, value in state["student"].items()
            if name.startswith("hearing.")
        }
    )
    return hearing.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    (arguments.folder / "train.pid").write_text(f"{os.getpid()}\n")
    train(arguments.folder, arguments.steps, arguments.batch)
