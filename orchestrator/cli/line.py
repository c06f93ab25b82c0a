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
from orchestrator.cli import options, pictures
from orchestrator.errors import Misuse
from orchestrator.events import Event
from orchestrator.files import kind

if TYPE_CHECKING:
    from orchestrator.record import Stop


@click.command()
@options.recording
@click.option("--until-silence", is_flag=True, help="Stop at the end of the sentence.")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="PATH", help="A file or a folder for it.")
@options.as_json
@options.timings
def record(until_silence: bool, output: Path | None, as_json: bool, timings: bool, **flags: object) -> int:
    """Record from the microphone to a WAV file and print its path. Enter or Ctrl-C stops and keeps the recording."""
    from orchestrator import terminal
    from orchestrator.line import pipeline
    from orchestrator.record import Stop, new_path
    from orchestrator.terminal.session import recover_recordings

    chosen = settings.load(flags)
    stop = Stop()
    _stop_on_signals(stop)
    path = _recording_path(output, new_path(chosen.recordings))
    recording = pipeline.recording(chosen, path, stop, until_silence=until_silence)
    stream = chain(recover_recordings(chosen.recordings), recording)
    return terminal.show(
        pipeline.with_failure(_stop_on_enter(stream, stop)),
        lambda event: str(event.path) if isinstance(event, events.Recorded) else None,
        as_json=as_json,
        timings=timings,
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, readable=False))  # `stored` says why it cannot be read
@options.hearing
@options.threads
@options.keep_audio
@options.as_json
@options.timings
def hear(file: Path, as_json: bool, timings: bool, **flags: object) -> int:
    """Transcribe a recording. Prints the speech model's words as they are."""
    from orchestrator import terminal
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line

    with Line(settings.load(flags)) as line:
        return terminal.show(
            pipeline.with_failure(pipeline.only_hearing(line, str(file))),
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
    *,
    prompt: str,
    image: str,
    last: bool,
    refine: bool | None,
    force: bool,
    as_json: bool,
    timings: bool,
    **flags: object,
) -> int:
    """Paint a prompt and print the picture's path. `-` reads the prompt from stdin."""
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
    destination = pictures.destination(chosen, force=force, as_json=as_json)
    with Line(chosen) as line:
        painting = talking.refine_picture if refine else pipeline.painting
        stream = painting(line, Prompt(text=words), image=image, destination=destination)
        return pictures.show(pipeline.with_failure(stream), destination, as_json=as_json, timings=timings)


@click.command()
@click.argument("files", nargs=-1, required=True)
@options.hearing
@options.painting
@options.keep_audio
@options.output
@options.as_json
@options.timings
def picture(*, files: tuple[str, ...], image: str, force: bool, as_json: bool, timings: bool, **flags: object) -> int:
    """Turn recordings in any format ffmpeg reads into pictures. `-` is stdin. Prints one path per line."""
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line

    chosen = settings.load(flags)
    destination = pictures.destination(chosen, force=force, as_json=as_json, recordings=len(files))
    with Line(chosen) as line:
        stream = pipeline.pictures(line, files, image=image, destination=destination)
        return pictures.show(stream, destination, as_json=as_json, timings=timings)


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
