"""Make the ten recordings of `make demo` and the tests: ten sentences by ten synthetic speakers.

    python -m training.demo.speech.recordings models/demo/recordings

Writes 16 kHz mono 16-bit WAV files, and `recordings.toml` with the words and the speaker of each.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from scipy.io import wavfile

from training.demo.speech.clips import pad_with_quiet
from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.revoice import Person, load_vocoder, revoice
from training.demo.speech.voices import UNSEEN, Voice, say, trim

WOMAN = Person(pitch=205, liveliness=1.2, tract=1.15, breath=0.9, pace=1.0, colour=(0.0, 0.0))
CHILD = Person(pitch=265, liveliness=1.3, tract=1.26, breath=1.0, pace=1.0, colour=(0.0, 0.0))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One recording: its file name, words and speaker."""

    file: str
    said: str
    voice: Voice
    person: Person | None = None

    @property
    def speaker(self) -> str:
        """The speaker as `recordings.toml` names it."""
        never = " (never trained on)" if self.voice in UNSEEN.values() else ""
        return f"{self.voice}{', revoiced' if self.person else ''}{never}"


LINES = (
    Line(
        file="01", said="paint a red sailboat on the sea at sunset",
        voice=Voice(engine="flite", name="rms"), person=WOMAN,
    ),
    Line(
        file="02", said="a white lighthouse by the sea at night",
        voice=Voice(engine="espeak-ng", name="en-gb", speed=0.85),
    ),
    Line(
        file="03", said="draw me a yellow hot air balloon on green hills in the morning",
        voice=Voice(engine="flite", name="awb", speed=0.95),
    ),
    Line(
        file="04", said="a purple castle in the mountains at dawn with clouds",
        voice=Voice(engine="festival", name="ked_diphone"),
    ),
    Line(
        file="05", said="show me a big blue rocket in the desert at night",
        voice=Voice(engine="flite", name="slt"),
    ),
    Line(
        file="06", said="a little orange house in the snow at noon",
        voice=Voice(engine="espeak-ng", name="en-us+f2", speed=0.85),
    ),
    Line(
        file="07", said="please paint a green tree in the forest in the rain",
        voice=Voice(engine="flite", name="kal16"),
    ),
    Line(
        file="08", said="i would like a black car in the desert at midday",
        voice=Voice(engine="espeak-ng", name="en-gb-scotland", speed=0.85),
    ),
    Line(
        file="09", said="imagine a pink house by the mountains at dusk",
        voice=Voice(engine="festival", name="kal_diphone"), person=CHILD,
    ),
    Line(
        file="10", said="a picture of a blue sailboat on the ocean under the stars",
        voice=Voice(engine="espeak-ng", name="en-029+m3", speed=0.9),
    ),
)  # fmt: skip


def record(line: Line) -> Array:
    """Return the samples of a recording."""
    samples = say(line.voice, line.said)
    if line.person:
        samples = trim(revoice(samples, line.person, load_vocoder()))
    return pad_with_quiet(samples, Random(line.file))


def write(folder: Path) -> None:
    """Write the recordings and their list."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = ["# Synthetic speech, made by training/demo/speech/recordings.py; each recording has another speaker."]
    for line in LINES:
        samples = record(line)
        wavfile.write(folder / f"{line.file}.wav", SAMPLE_RATE, (samples * 32767).astype(np.int16))
        entries += [
            "",
            "[[recording]]",
            f'file = "{line.file}.wav"',
            f'said = "{line.said}"',
            f'speaker = "{line.speaker}"',
        ]
    (folder / "recordings.toml").write_text("\n".join(entries) + "\n")


def main() -> None:
    """Write the recordings from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
