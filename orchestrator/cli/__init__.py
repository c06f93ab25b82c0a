"""The command `audio-to-image`. Each verb imports what it runs only when it is called, so that --help is fast."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from orchestrator import __version__, settings
from orchestrator import recordings as folder
from orchestrator.cli import doctor, gallery, line, machine, models, recordings, serve, shortcut, talk
from orchestrator.errors import AudioToImageError, Cancelled


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="audio-to-image")
def commands() -> None:
    """Say it, see it: speech to picture, offline, on your own machine."""
    with suppress(AudioToImageError):  # the verb reports settings that are wrong
        folder.sweep(settings.load().recordings)


VERBS: tuple[click.Command, ...] = (
    line.record,
    line.hear,
    line.clean,
    line.paint,
    line.picture,
    talk.talk,
    gallery.gallery,
    recordings.recordings,
    models.models,
    serve.serve,
    doctor.doctor,
    shortcut.shortcut,
    machine.devices,
    machine.completion,
)
for verb in VERBS:
    commands.add_command(verb)


def main() -> NoReturn:
    """Run the command and exit with its code."""
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = commands.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except AudioToImageError as error:
        code = _report(error)
    except (KeyboardInterrupt, click.Abort):
        code = _report(Cancelled("cancelled"))
    except BrokenPipeError:  # the reader of stdout has exited
        _discard_stdout()
        code = 1
    except OSError as error:  # from stdout; modules that write files translate their own errors
        if error.errno != errno.ENOSPC:
            raise
        _discard_stdout()
        code = _report(
            AudioToImageError("the disk is full: cannot write the result", "free some space, then try again")
        )
    sys.exit(code)


def _discard_stdout() -> None:
    """Redirect stdout to /dev/null, so that the interpreter does not flush it again on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Open /dev/null for each standard stream that is closed, so that no other file gets its descriptor."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # paths need not be valid UTF-8


def _report(error: AudioToImageError) -> int:
    click.echo(f"error: {error}" + (f"\n  try: {error.hint}" if error.hint else ""), err=True)
    return error.exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
