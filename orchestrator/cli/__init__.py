"""Parse, call, print: the command `audio-to-image`. What runs is imported when its verb is called."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from orchestrator import __version__
from orchestrator.cli import doctor, gallery, line, machine, models, serve, shortcut, talk
from orchestrator.errors import AudioToImageError, Cancelled


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="audio-to-image")
def commands() -> None:
    """Say it, see it: speech to picture, offline, on your own machine."""


VERBS: tuple[click.Command, ...] = (
    line.record,
    line.hear,
    line.clean,
    line.paint,
    line.picture,
    talk.talk,
    gallery.gallery,
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
    """Run the command and leave with its exit code."""
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = commands.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except AudioToImageError as error:
        code = _tell(error)
    except (KeyboardInterrupt, click.Abort):
        code = _tell(Cancelled("cancelled"))
    except BrokenPipeError:  # whoever read our result has left
        _give_up_stdout()
        code = 1
    except OSError as error:  # of the output: what we write elsewhere is translated where it is written
        if error.errno != errno.ENOSPC:
            raise
        _give_up_stdout()
        code = _tell(AudioToImageError("the disk is full: cannot write the result", "free some space, then ask again"))
    sys.exit(code)


def _give_up_stdout() -> None:
    """Let what could not be written go, or leaving would try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Open /dev/null where a launcher closed stdin, stdout or stderr, lest a pipe of ours takes the number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we run
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a path goes out as it came, also one that is no text


def _tell(error: AudioToImageError) -> int:
    click.echo(f"error: {error}" + (f"\n  try: {error.hint}" if error.hint else ""), err=True)
    return error.exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
