"""Synthetic speech at 16 kHz from espeak-ng, flite and festival.

`random_voice` returns speakers to train on. `UNSEEN` speakers are for evaluation only: no recording of theirs is
trained on, and no choice depends on how well they are recognised.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from random import Random

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from training.demo.speech.mel import SAMPLE_RATE, Array

ACCENTS = (
    "en-us", "en-us", "en-gb", "en-gb", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc",
)  # fmt: skip
VARIANTS = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Gene2", "Henrique", "Hugo", "Jacky",
    "Lee", "Marco", "Mario", "Michael", "Mike", "Storm", "Tweaky", "adam", "anika", "antonio", "aunty", "benjamin",
    "boris", "caleb", "david", "ed", "edward", "edward2", "f1", "f2", "f3", "f4", "f5", "grandma", "grandpa",
    "gustave", "iven", "iven2", "iven3", "john", "kaukovalta", "klatt", "klatt2", "klatt4", "klatt6", "linda", "m1",
    "m2", "m3", "m5", "m6", "m7", "m8", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul", "pedro",
    "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "whisperf", "zac",
)  # fmt: skip
FLITE_VOICES = ("kal16", "awb", "rms", "kal")  # kal is an 8 kHz voice, like a telephone
FESTIVAL_VOICES = ("ked_diphone", "kal_diphone")
MEAN_PITCH = {"kal": 100, "kal16": 100, "awb": 128, "rms": 103, "kal_diphone": 105, "ked_diphone": 115}  # hertz
SILENCE = 0.01  # of the peak: anything below it before and after the speech is cut
MARGIN = SAMPLE_RATE // 40  # samples of silence that stay


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A synthesiser's voice. Speed and pitch are relative to the synthesiser's defaults."""

    engine: str  # espeak-ng, flite, festival
    name: str
    speed: float = 1.0
    pitch: float = 1.0

    def __str__(self) -> str:
        return f"{self.engine} {self.name}"


UNSEEN = {
    "flite slt": Voice(engine="flite", name="slt"),
    "festival slt": Voice(engine="festival", name="cmu_us_slt_arctic_hts"),
    "espeak-ng en-gb-scotland": Voice(engine="espeak-ng", name="en-gb-scotland"),
    "espeak-ng +belinda": Voice(engine="espeak-ng", name="en-us+belinda"),
    "espeak-ng +m4": Voice(engine="espeak-ng", name="en-gb+m4"),
}
ENGINE_SHARES = {"espeak-ng": 0.45, "flite": 0.33, "festival": 0.22}


def random_voice(random: Random, engine: str | None = None) -> Voice:
    """Return a random speaker to train on."""
    engine = engine or random.choices(list(ENGINE_SHARES), list(ENGINE_SHARES.values()))[0]
    if engine == "espeak-ng":
        name = random.choice(ACCENTS) + (f"+{random.choice(VARIANTS)}" if random.random() < 0.85 else "")
        return Voice(engine=engine, name=name, speed=random.uniform(0.68, 1.25), pitch=random.uniform(0.5, 1.5))
    if engine == "flite":
        return Voice(engine=engine, name=random.choice(FLITE_VOICES), speed=random.uniform(0.75, 1.3))
    pitch = random.uniform(0.75, 1.9)
    return Voice(engine=engine, name=random.choice(FESTIVAL_VOICES), speed=random.uniform(0.75, 1.25), pitch=pitch)


def espeak_command(voice: Voice, text: str, wav: Path) -> list[str]:
    speed, pitch = round(170 * voice.speed), round(50 * voice.pitch)
    return ["espeak-ng", "-v", voice.name, "-s", str(speed), "-p", str(pitch), "-w", str(wav), text]


def flite_command(voice: Voice, text: str, wav: Path) -> list[str]:
    stretch = f"duration_stretch={1 / voice.speed:.3f}"
    return ["flite", "-voice", voice.name, "--setf", stretch, "-t", text, "-o", str(wav)]


def festival_command(voice: Voice, text: str, wav: Path) -> list[str]:
    steps = [f"(voice_{voice.name})", f"(Parameter.set 'Duration_Stretch {1 / voice.speed:.3f})"]
    if voice.name in MEAN_PITCH:
        hertz = MEAN_PITCH[voice.name] * voice.pitch
        model = "(model_f0_mean 170) (model_f0_std 34)"
        steps.append(f"(set! int_lr_params '((target_f0_mean {hertz:.0f}) (target_f0_std {hertz / 7:.0f}) {model}))")
    steps.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{wav}" \'riff)')
    return ["festival", "-b", *steps]


COMMANDS = {"espeak-ng": espeak_command, "flite": flite_command, "festival": festival_command}


def resample(samples: Array, rate: int) -> Array:
    """Resample to SAMPLE_RATE."""
    common = gcd(rate, SAMPLE_RATE)
    same = rate == SAMPLE_RATE
    return samples if same else resample_poly(samples, SAMPLE_RATE // common, rate // common).astype(np.float32)


def trim(samples: Array) -> Array:
    """Cut the silence before and after the speech, and set the peak to one half."""
    peak = float(np.abs(samples).max())
    loud = np.flatnonzero(np.abs(samples) > SILENCE * peak)
    first, last = max(0, loud[0] - MARGIN), loud[-1] + MARGIN
    return (samples[first:last] * (0.5 / peak)).astype(np.float32)


def say(voice: Voice, text: str) -> Array:
    """Return a spoken sentence: float samples at SAMPLE_RATE, trimmed."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "said.wav"
        # festival reads ~/.festivalrc: an empty HOME keeps the user's settings out.
        subprocess.run(
            COMMANDS[voice.engine](voice, text, wav),
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env={**os.environ, "HOME": folder},
        )  # fmt: skip
        rate, samples = wavfile.read(wav)
    return trim(resample(samples.astype(np.float32) / 32768, rate))
