"""The verbs `record`, `hear`, `clean`, `paint` and `picture`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import events, settings
from orchestrator.cli import options
from orchestrator.errors import Misuse
from orchestrator.events import Event
from orchestrator.files import kind

if TYPE_CHECKING:
    from orchestrator.record import Stop


@click.command()
@options.recording
@click.option("--until-silence", is_flag=True, help="Stop at the end of the sentence.")
@options.output
@options.as_json
@options.timings
def record(until_silence: bool, as_json: bool, timings: bool, **flags: object) -> int:
    """Record from the microphone to a WAV file and print its path. Enter or Ctrl-C stops and keeps the recording."""
    from orchestrator import terminal
    from orchestrator.line import pipeline
    from orchestrator.record import Stop, new_path
    from orchestrator.terminal.session import recover_recordings

    chosen = settings.load(flags)
    stop = Stop()
    _stop_on_signals(stop)
    path = _recording_path(chosen.output, new_path(chosen.recordings))
    recording = pipeline.recording(chosen, path, stop, until_silence=until_silence)
    stream = chain(recover_recordings(chosen.recordings), recording)
    return terminal.show(
        pipeline.with_failure(_stop_on_enter(stream, stop)),
        lambda event: str(event.path) if isinstance(event, events.Recorded) else None,
        as_json=as_json,
        timings=timings,
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.hearing
@options.threads
@options.as_json
@options.timings
def hear(file: Path, as_json: bool, timings: bool, **flags: object) -> int:
    """Transcribe a recording. Prints the speech model's words as they are."""
    from orchestrator import terminal
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line
    from orchestrator.sound import as_file

    chosen = settings.load(flags)
    source = as_file(str(file), chosen.recordings)
    with Line(chosen) as line:
        return terminal.show(
            pipeline.with_failure(pipeline.transcribe(line, source)),
            lambda event: event.transcript if isinstance(event, events.Heard) else None,
            as_json=as_json,
            timings=timings,
        )


@click.command()
def clean() -> None:
    """Remove non-speech tags such as [MUSIC] from text. Reads stdin and writes stdout."""
    from orchestrator.clean import clean_bytes

    sys.stdout.buffer.write(clean_bytes(sys.stdin.buffer.read()))


@click.command()
@click.argument("prompt")
@options.painting
@click.option("--last", is_flag=True, help="Start from the newest picture of the gallery.")
@click.option("--refine/--no-refine", default=None, help='Let "make it night" change the words of the picture.')
@options.output
@options.as_json
@options.timings
def paint(  # noqa: PLR0913 - a command's flags are its arguments
    *, prompt: str, image: str, last: bool, refine: bool | None, as_json: bool, timings: bool, **flags: object
) -> int:
    """Paint a prompt and print the picture's path. `-` reads the prompt from stdin."""
    from orchestrator import terminal
    from orchestrator.line import pipeline, talking
    from orchestrator.line.engines import Line
    from orchestrator.line.order import Prompt, find_last

    words = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").strip() if prompt == "-" else prompt
    if last and image:
        raise Misuse("--last and --image name two pictures", "leave one of them out")
    if refine and not (last or image):
        raise Misuse("--refine needs a picture to change", "add --last or --image ID")
    chosen = settings.load(flags | {"refine": refine})
    image = find_last(chosen) if last else image
    with Line(chosen) as line:
        said = Prompt(text=words)
        stream = talking.refine_picture(line, said, image) if refine else pipeline.painting(line, said, image=image)
        return terminal.show(pipeline.with_failure(stream), _kept, as_json=as_json, timings=timings)


@click.command()
@click.argument("files", nargs=-1, required=True)
@options.hearing
@options.painting
@options.keep_audio
@options.output
@options.as_json
@options.timings
def picture(files: tuple[str, ...], image: str, as_json: bool, timings: bool, **flags: object) -> int:
    """Turn recordings in any format ffmpeg reads into pictures. `-` is stdin. Prints one path per line."""
    from orchestrator import terminal
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line

    chosen = settings.load(flags)
    if chosen.output and len(files) > 1 and kind(chosen.output) != "folder":
        raise Misuse(f"{chosen.output} is one file for {len(files)} recordings", "name a folder: --output FOLDER")
    with Line(chosen) as line:
        return terminal.show(pipeline.pictures(line, files, image=image), _kept, as_json=as_json, timings=timings)


def _kept(event: Event) -> str | None:
    return str(event.path) if isinstance(event, events.Kept) else None


def _recording_path(output: Path | None, path: Path) -> Path:
    """Return where to write a recording; `output` may be a file, a folder or None."""
    if output is None:
        return path
    return output / path.name if kind(output) == "folder" else output


def _stop_on_signals(stop: Stop) -> None:
    """Stop the recording and keep it at the first Ctrl-C or SIGTERM; a second one exits."""

    def stop_once(number: int, _frame: object) -> None:
        stop("key")
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_once)


def _stop_on_enter(stream: Iterator[Event], stop: Stop) -> Iterator[Event]:
    from orchestrator import terminal

    for event in stream:
        yield event
        with suppress(OSError):
            if terminal.enter_pressed():
                stop("key")
