"""Train the speech model on the corpus; needs torch alone.

A step's batch and learning rate depend only on its number, so a run that was stopped resumes from its checkpoint with
the same result.

    python -m training.demo.speech.train FOLDER --steps 12000
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

from training import runs
from training.demo.speech.batches import IGNORED, Batch, Batches, read_corpus
from training.demo.speech.ggml import WHISPER_ROWS
from training.demo.speech.model import Dims, Vocabulary, Whisper
from training.demo.speech.phones import phones
from training.muon import Muon

RATE, WARMUP_STEPS, COOLDOWN_SHARE, CLIP = 1.8e-3, 300, 0.4, 1.0
HALF_WINDOWS, FULL_WINDOWS = 0.91, 0.975  # shares of the steps after which windows of half and of full length follow
CTC_WEIGHT, ATTENTION_WEIGHT = 0.5, 1.0
GUIDED_HEADS = 2  # of each layer; the others are free
GUIDE_WIDTH, GUIDE_MINIMUM = 0.07, 5.0  # standard deviation: share of the speech, plus encoder frames
SAVE_EVERY, PRINT_EVERY = 100, 50  # steps


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The three losses of a batch."""

    tokens: Tensor
    ctc: Tensor
    attention: Tensor

    def total(self) -> Tensor:
        """Return the weighted sum."""
        return self.tokens + CTC_WEIGHT * self.ctc + ATTENTION_WEIGHT * self.attention


def token_loss(logits: Tensor, batch: Batch, vocabulary: Vocabulary) -> Tensor:
    """Return the cross-entropy over Whisper's whole vocabulary: the shared row counts once for each unused token."""
    logits = logits[:, :, : vocabulary.rows].clone()
    logits[:, :, [vocabulary.start, vocabulary.no_timestamps]] = -1e4  # whisper.cpp suppresses them
    logits[:, :, vocabulary.unused] += math.log(WHISPER_ROWS - vocabulary.rows)
    return functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)


def attention_loss(attention: list[Tensor], batch: Batch) -> Tensor:
    """Return the attention that is far from each word (Tachibana et al., 2017); without it learning takes hours."""
    frames = torch.arange(attention[0].shape[3])
    width = GUIDE_MINIMUM + GUIDE_WIDTH * batch.spans[:, None, None]
    far = 1 - torch.exp(-(((frames - batch.centres[:, :, None]) / width) ** 2) / 2)
    counted = (batch.targets != IGNORED)[:, None].float()
    stray = torch.stack([(weights[:, :GUIDED_HEADS] * far[:, None]).sum(3) for weights in attention])
    return (stray * counted).sum() / (counted.sum() * len(attention) * GUIDED_HEADS)


def ctc_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the CTC loss of the phones, from the encoder's frames."""
    logs = logits.log_softmax(2).transpose(0, 1)
    each = functional.ctc_loss(
        logs, batch.phones.long(), batch.frames, batch.phone_lengths, reduction="none", zero_infinity=True
    )
    return (each / batch.phone_lengths.clamp(min=8)).mean()


class WhisperWithCTC(nn.Module):
    """The model, and a CTC head that only training uses. Checkpoints hold the names of these attributes."""

    def __init__(self, vocabulary: Vocabulary, phones: int) -> None:
        super().__init__()
        self.hearing = Whisper(Dims(), vocabulary)
        self.spell = nn.Linear(self.hearing.dims.width, phones + 1)

    def losses(self, batch: Batch) -> Losses:
        """Return the losses of a batch."""
        sound = self.hearing.encoder(batch.mel, batch.mask)
        logits, attention = self.hearing.decoder(batch.inputs, sound, batch.mask)
        return Losses(
            tokens=token_loss(logits, batch, self.hearing.vocabulary),
            ctc=ctc_loss(self.spell(sound), batch),
            attention=attention_loss(attention, batch),
        )


def learning_rate(step: int, steps: int) -> float:
    """Return the learning rate: linear warm-up, constant, linear cool-down to zero."""
    return RATE * min(1, (step + 1) / WARMUP_STEPS, (steps - step) / (COOLDOWN_SHARE * steps))


def choose_batch(batches: Batches, step: int, steps: int, frames: int) -> Batch:
    """Return a step's batch: clips first, windows last, because full windows are four times the work."""
    if step < HALF_WINDOWS * steps:
        return batches.clips(step)
    return batches.windows(step, frames if step >= FULL_WINDOWS * steps else frames // 2)


@dataclass(frozen=True, kw_only=True)
class Run:
    """The files of a training run."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The path of the checkpoint."""
        return self.folder / "checkpoint.pt"

    def save(self, model: WhisperWithCTC, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Write the checkpoint."""
        texts = model.hearing.vocabulary.texts
        state = {"student": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "texts": texts}
        runs.save(self.checkpoint, state)

    def load(self, model: WhisperWithCTC, optimizer: torch.optim.Optimizer) -> int:
        """Load the checkpoint if there is one, and return the step to resume from."""
        if not self.checkpoint.exists():
            return 0
        state = torch.load(self.checkpoint, weights_only=True)
        model.load_state_dict(state["student"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])


def train(folder: Path, steps: int, batch_size: int) -> Whisper:
    """Train, or resume training, on the corpus in `folder / "corpus"`, and return the model."""
    torch.manual_seed(4)
    torch.set_num_threads(1)
    run, vocabulary = Run(folder=folder), Vocabulary()
    spellings = phones(folder / "phones.json")
    model = WhisperWithCTC(vocabulary, max(max(word) for word in spellings.values()))
    optimizer = Muon(model.named_parameters(), RATE)
    batches = Batches(read_corpus(folder / "corpus"), spellings, vocabulary, batch_size)
    first, started = run.load(model, optimizer), time.monotonic()
    for step in range(first, steps):
        losses = model.losses(choose_batch(batches, step, steps, model.hearing.dims.audio_context))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        optimizer.zero_grad()
        losses.total().backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if step % PRINT_EVERY == 0:
            values = f"tokens {losses.tokens:.3f}  ctc {losses.ctc:.3f}  attention {losses.attention:.3f}"
            print(f"{step:6} of {steps}  {values}  {time.monotonic() - started:.0f} s", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            run.save(model, optimizer, step + 1)
    return model.hearing.eval()


def save_small(checkpoint: Path, small: Path) -> None:
    """Write a checkpoint in fp16 without the optimizer, small enough for the repository."""
    state = torch.load(checkpoint, weights_only=True)
    state["student"] = {name: value.half() for name, value in state["student"].items()}
    del state["optimizer"]
    small.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, small)


def load_model(checkpoint: Path) -> Whisper:
    """Return the model of a checkpoint, whole or small."""
    state = torch.load(checkpoint, weights_only=True)
    model = Whisper(Dims(), Vocabulary(state["texts"]))
    model.load_state_dict(
        {
            name.removeprefix("hearing."): value
            for name, value in state["student"].items()
            if name.startswith("hearing.")
        }
    )
    return model.eval()


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    (arguments.folder / "train.pid").write_text(f"{os.getpid()}\n")
    train(arguments.folder, arguments.steps, arguments.batch)


if __name__ == "__main__":
    main()
