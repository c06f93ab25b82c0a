"""Measure push-to-talk latency, with speech played into a PulseAudio null sink.

    .venv/bin/python bench/talk.py             the whole table, three sentences
    .venv/bin/python bench/talk.py --quick     one sentence, within 50 s
    .venv/bin/python bench/talk.py --long      ten minutes of noise: lost samples and memory

Times run to the PNG, from the key press and from the end of speech. A: ./pipeline.sh, each stage a cold process, with a
fixed recording time. B: `talk --once`, cold. C: `talk`, warm. D: hearing and painting alone, warm, on the same
recordings. The end of speech is where the voice detector finds it in the recording, counted from the arrival of its
first block. With --json the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from microphone import Microphone  # noqa: E402 - from tests/

from orchestrator import settings, sound  # noqa: E402
from orchestrator.hear.speech import voice  # noqa: E402
from orchestrator.line.engines import Line  # noqa: E402
from orchestrator.line.order import make_wish  # noqa: E402
from orchestrator.meaning import Words  # noqa: E402

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
SEED = "4"
SENTENCES = sorted((ROOT / "models" / "demo" / "recordings").glob("*.wav"))
QUICK_SECONDS = 32.0  # no second warm sentence after this in a quick run
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # what the engines choose on a small machine


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """The measurements of one sentence, and its recording."""

    from_key: float  # seconds to the picture
    from_speech: float
    own_cpu: float  # share of a core during speech
    recording: Path


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The results; A to D are explained above."""

    pipeline_seconds: float  # A
    cold_seconds: float  # B
    warm_seconds: float  # C, from the key
    warm_from_speech_seconds: float  # C, from the end of the speech
    hear_seconds: float  # D
    paint_seconds: float  # D
    silence_seconds: float
    cold_ratio: float  # B / A
    warm_ratio: float  # C from the end of the speech / (D + silence)
    own_cpu: float
    own_cpu_in_silence: float | None
    own_memory_mb: float


class Talking:
    """A `talk` session: keys go in through a terminal, JSON events come from its stdout."""

    def __init__(self, *arguments: str) -> None:
        self._keys, theirs = os.openpty()
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [COMMAND, "talk", "--no-open", "--json", "--keep-audio", "--seed", SEED, *arguments],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs)

    def press(self, key: str) -> float:
        os.write(self._keys, key.encode())
        return time.perf_counter()

    def events(self, until: str) -> Iterator[tuple[float, dict[str, object]]]:
        """Yield events with their arrival times, up to the first of kind `until`."""
        for line in self.process.stdout or ():
            event = json.loads(line)
            yield time.perf_counter(), event
            if event["event"] == until:
                return
        raise SystemExit(f"talk ended before {until!r}: status {self.process.wait()}")

    def cpu(self) -> float:
        """Return the CPU seconds used by all threads of the talk process, without its children."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """Return the talk process's peak memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)
        os.close(self._keys)


def say_sentence(talking: Talking, microphone: Microphone, sentence: Path, pressed: float) -> Spoken:
    """Play a sentence and wait for its picture."""
    opened = first_block = cpu_begun = cpu = recorded = 0.0
    recording = Path()
    for at, event in talking.events("kept"):
        if event["event"] == "opened":
            opened, cpu_begun = at, talking.cpu()
            microphone.play(sentence)
        elif event["event"] == "level":
            first_block = first_block or float(str(event["seconds"]))
        elif event["event"] == "recorded":
            recording, recorded, cpu = Path(str(event["path"])), at, talking.cpu() - cpu_begun
    speech = opened - first_block + voice.spans(sound.read(recording))[-1].end
    return Spoken(
        from_key=at - pressed,
        from_speech=at - speech,
        own_cpu=cpu / (recorded - opened),
        recording=recording,
    )


def run_pipeline(microphone: Microphone, sentence: Path) -> float:
    """A: run pipeline.sh and return its seconds."""
    begun = time.perf_counter()
    process = subprocess.Popen([str(ROOT / "pipeline.sh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    cue = next((line for line in process.stderr or () if b"speak" in line), None)
    if cue:
        microphone.play(sentence)
    printed = process.communicate()[0].decode().strip()
    if process.returncode != 0 or not Path(printed).exists():
        raise SystemExit(f"pipeline.sh failed with status {process.returncode}")
    return time.perf_counter() - begun


def run_cold(microphone: Microphone, sentence: Path) -> float:
    """B: run `talk --once` cold and return its seconds."""
    talking = Talking("--once", "--now")
    seconds = say_sentence(talking, microphone, sentence, talking.begun).from_key
    talking.process.wait()
    talking.end()
    return seconds


def run_warm(
    microphone: Microphone, sentences: Sequence[Path], *, silence: bool, until: float = float("inf")
) -> tuple[list[Spoken], float | None, float]:
    """C: run a warm session; return its sentences but the first, its share of a core in silence, and its memory."""
    talking = Talking("--seconds", "10")
    said: list[Spoken] = []
    for sentence in (sentences[0], *sentences):
        if len(said) < 2 or time.perf_counter() < until:
            list(talking.events("ready"))
            said.append(say_sentence(talking, microphone, sentence, talking.press(" ")))
            log(f"warm: {said[-1].from_speech:.2f} s from the end of the speech")
    share = _cpu_in_silence(talking) if silence else None
    memory = talking.memory()
    talking.end()
    return said[1:], share, memory


def _cpu_in_silence(talking: Talking) -> float:
    list(talking.events("ready"))
    talking.press(" ")
    list(talking.events("opened"))
    begun, before = time.perf_counter(), talking.cpu()
    for at, event in talking.events("recorded"):
        if event["event"] == "recorded":
            return (talking.cpu() - before) / (at - begun)
    return 0.0


def run_engines(recordings: Sequence[Path], chosen: settings.Settings) -> tuple[float, float]:
    """D: return the mean seconds of hearing and of painting, warm."""
    hears, paints = [], []
    with Line(chosen) as line:
        for index, recording in enumerate((recordings[0], *recordings)):
            samples = np.concatenate(list(sound.read(recording)))
            line.speech.load()
            line.picture.load()
            begun = time.perf_counter()
            meaning = line.speech.hear(samples).result()
            heard = time.perf_counter()
            text = meaning.text if isinstance(meaning, Words) else "a red house"
            for _step in line.picture.paint(make_wish(replace(chosen, seed=int(SEED)), text, None)):
                pass
            if index:
                hears.append(heard - begun)
                paints.append(time.perf_counter() - heard)
    return mean(hears), mean(paints)


def measure(*, quick: bool) -> Figures:
    """Run all measurements on the same sentences."""
    chosen, begun = settings.load(), time.perf_counter()
    sentences = SENTENCES[1:2] if quick else SENTENCES[:3]
    with isolated_home() as microphone:
        a = [run_pipeline(microphone, each) for each in sentences]
        log(f"pipeline.sh: {mean(a):.2f} s")
        b = [run_cold(microphone, each) for each in sentences]
        log(f"cold: {mean(b):.2f} s")
        several = sentences * (2 if quick else 1)
        said, silent, memory = run_warm(
            microphone, several, silence=not quick, until=begun + QUICK_SECONDS if quick else float("inf")
        )
        hear, paint = run_engines([each.recording for each in said][: len(sentences)], chosen)
    speech = mean(each.from_speech for each in said)
    return Figures(
        pipeline_seconds=mean(a),
        cold_seconds=mean(b),
        warm_seconds=mean(each.from_key for each in said),
        warm_from_speech_seconds=speech,
        hear_seconds=hear,
        paint_seconds=paint,
        silence_seconds=chosen.silence,
        cold_ratio=mean(b) / mean(a),
        warm_ratio=speech / (hear + paint + chosen.silence),
        own_cpu=mean(each.own_cpu for each in said),
        own_cpu_in_silence=silent,
        own_memory_mb=memory,
    )


def measure_loss(seconds: int) -> dict[str, float]:
    """Record known noise and compare it with the source, to find missing or shifted samples."""
    rate = sound.SAMPLE_RATE
    noise = (np.random.default_rng(1).normal(size=(seconds + 5) * rate) * 3000).astype(np.int16)
    with isolated_home() as microphone, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "noise.wav"
        sound.write_wav(source, [noise])
        talking = Talking("--once", "--now", "--seconds", str(seconds), "--silence", "1000")
        for _, event in talking.events("failed"):
            if event["event"] == "opened":
                microphone.play(source)
            if event["event"] == "recorded":
                memory, heard = talking.memory(), Path(str(event["path"]))
        recorded = np.concatenate(list(sound.read(heard)))
        talking.process.wait()
        talking.end()
    lags = [_find_lag(recorded, noise, at) for at in range(3 * rate, len(recorded) - rate, rate)]
    return {
        "seconds": len(recorded) / rate,
        "samples_missing": seconds * rate - len(recorded),
        "samples_slipped": max(lags) - min(lags),
        "own_memory_mb": memory,
    }


def _find_lag(recorded: sound.Samples, source: sound.Samples, at: int) -> int:
    """Return by how many samples half a second of the recording lags behind the source."""
    window, reach = recorded[at : at + 8000].astype(float), 3 * sound.SAMPLE_RATE
    begin = max(0, at - reach)
    played = source[begin : at + 8000].astype(float)
    size = len(played) + len(window)
    match = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(window, size)), size)[: len(played)]
    return at - begin - int(np.argmax(match))


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def isolated_home() -> Iterator[Microphone]:
    """Use a private sound server and data folder."""
    with tempfile.TemporaryDirectory(prefix="mic") as name:
        os.environ |= ONE_THREAD | {"XDG_RUNTIME_DIR": name, "AUDIO_TO_IMAGE_DATA": f"{name}/data"}
        for variable in ("PULSE_SERVER", "PULSE_RUNTIME_PATH"):
            os.environ.pop(variable, None)
        microphone = Microphone(Path(name))
        try:
            yield microphone
        finally:
            microphone.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one sentence, within 50 s")
    parser.add_argument(
        "--long", type=int, metavar="SECONDS", nargs="?", const=600, help="record noise and count lost samples"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, in the last line")
    options = parser.parse_args()
    figures = measure_loss(options.long) if options.long else asdict(measure(quick=options.quick))
    for name, value in figures.items():
        print(f"{name:28} {'-' if value is None else f'{value:.3f}'}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
