"""The program's errors: the message says what failed and with what, the hint is the command that repairs it."""

from __future__ import annotations


class AudioToImageError(Exception):
    """An error that is shown in one line."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unfit(AudioToImageError):
    """The chosen engine cannot do this, or not on this machine; another one can."""


class Misuse(AudioToImageError):
    """The command was used wrongly: a missing file, an empty prompt, steps below one."""

    exit_code = 2


class NotThere(Misuse):
    """No picture has the id that was given."""


class Unreadable(AudioToImageError):
    """The file is not a recording, whatever its name says."""


class NoSpeech(AudioToImageError):
    """No speech was heard, so nothing is painted."""

    exit_code = 3


class ModelMissing(AudioToImageError):
    """A model that was named is not on this machine."""

    exit_code = 4


class Busy(AudioToImageError):
    """The limit of simultaneous work is reached."""


class Cancelled(AudioToImageError):
    """The person cancelled."""

    exit_code = 130
