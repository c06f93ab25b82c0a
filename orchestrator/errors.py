"""The tree of errors: each says what failed and with what; its hint is the command that repairs it."""

from __future__ import annotations


class AudioToImageError(Exception):
    """Anything a person can be told in one line."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unfit(AudioToImageError):
    """An engine was asked for that cannot do it, or not on this machine; another one could."""


class Misuse(AudioToImageError):
    """The command was asked for something that cannot be: a missing file, an empty prompt, steps below one."""

    exit_code = 2


class NotThere(Misuse):
    """A picture was asked for by an id that no picture has."""


class Unreadable(AudioToImageError):
    """A file was given that is no recording, whatever its name says."""


class NoSpeech(AudioToImageError):
    """Nothing was said, so nothing is painted."""

    exit_code = 3


class ModelMissing(AudioToImageError):
    """A model asked for by name is not on this machine."""

    exit_code = 4


class Busy(AudioToImageError):
    """As much is under way as is taken on at once."""


class Cancelled(AudioToImageError):
    """The person changed their mind."""

    exit_code = 130
