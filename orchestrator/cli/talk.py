"""The verb `talk`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import click

from orchestrator import settings
from orchestrator.cli import options, pictures


@click.command()
@click.option("--once", is_flag=True, help="Exit after one sentence.")
@click.option("--now", is_flag=True, help="Start listening without waiting for a key.")
@click.option("--confirm", is_flag=True, help="Edit or reject the prompt before it is painted.")
@click.option("--open/--no-open", "opens", default=True, help="Open each picture in the desktop's viewer.")
@options.setting("refine")
@click.option("--draft", "drafts", is_flag=True, help="Paint drafts while you speak, if this machine is fast enough.")
@options.setting("silence")
@options.recording
@options.hearing
@options.painting
@options.keep_audio
@options.output
@options.as_json
@options.timings
def talk(  # noqa: PLR0913 - a command's flags are its arguments
    *,
    once: bool,
    now: bool,
    confirm: bool,
    opens: bool,
    drafts: bool,
    image: str,
    force: bool,
    as_json: bool,
    timings: bool,
    **flags: object,
) -> int:
    """Say it, see it: show your words while you speak, paint when the sentence ends, then wait for the next one.

    Space or Enter starts and stops; silence stops too. Hold the key to talk if the terminal reports key releases. A
    sentence such as "make it night" or "add a moon" repaints the last picture. "again" repaints it with a new seed,
    "undo" goes back to the picture before, "redo" forward. Prints the path of each picture.
    """
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line
    from orchestrator.line.talking import Talk
    from orchestrator.terminal.draft import confirm_prompt
    from orchestrator.terminal.keys import Keyboard
    from orchestrator.terminal.session import Manner, session
    from orchestrator.worker import served
    from orchestrator.worker.messages import Press

    chosen = settings.load(flags)
    destination = pictures.destination(chosen, force=force, as_json=as_json, recordings=1 if once else None)
    manner = Manner(
        recordings=chosen.recordings,
        keep_audio=chosen.keep_audio,
        once=once,
        now=now,
        opens=opens and not destination.stdout,
    )
    with Keyboard() as keyboard:
        press = once and now and not keyboard.there and chosen.keep  # `serve` keeps every picture in the gallery
        pressed = served.ask(chosen.socket, Press(settings=replace(chosen, output=None))) if press else None
    if pressed:
        with closing(pipeline.with_failure(destination.write_all(pressed))) as stream:
            return pictures.show(stream, destination, as_json=as_json, timings=timings)
    with Line(chosen) as line, Keyboard() as keyboard:
        edit = (lambda prompt: confirm_prompt(keyboard, prompt)) if confirm else None
        conversation = Talk(line, image=image, drafts=drafts, confirm=edit, destination=destination)
        with closing(pipeline.with_failure(session(conversation, keyboard, manner))) as stream:
            return pictures.show(stream, destination, as_json=as_json, timings=timings)
