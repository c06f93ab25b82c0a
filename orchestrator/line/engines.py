"""The engines of a run, by role, each in another process and not opened before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator import catalogue, hear, paint
from orchestrator.choices import PaintEngine, choices
from orchestrator.events import Painted
from orchestrator.hear.speech import Task
from orchestrator.worker import Call, Opening, RemoteEngine

if TYPE_CHECKING:
    from orchestrator.catalogue import Chosen
    from orchestrator.meaning import Meaning
    from orchestrator.settings import Settings
    from orchestrator.sound import Samples


PaintCall = Call[paint.Decision | Painted]  # the decision comes first


class Hearer(RemoteEngine[hear.Facts]):
    """A hearer in another process."""

    def hear(self, samples: Samples) -> Call[Meaning]:
        return self.call("hear", samples)


class Painter(RemoteEngine[paint.Facts]):
    """A painter in another process."""

    def paint(self, wish: paint.Wish) -> PaintCall:
        return self.call("paint", wish)


@dataclass(frozen=True, kw_only=True)
class Role:
    """How the engine of a role is opened: the client's class, the engine's function, and its arguments."""

    client: type[RemoteEngine[Any]]
    path: str
    arguments: Callable[[Settings, Chosen], dict[str, Any]]


def _speech_arguments(settings: Settings, chosen: Chosen) -> dict[str, Any]:
    task = Task(
        language=settings.language,
        translate=settings.translate,
        threads=settings.threads,
        initial_prompt=settings.initial_prompt,
    )
    return {"model": chosen.path, "hearer": settings.hearer, "task": task}


def _picture_arguments(settings: Settings, chosen: Chosen) -> dict[str, Any]:
    own = {name: getattr(settings, name) for name in choices(PaintEngine) if name != "model"}
    return {"folder": chosen.path, "threads": settings.threads or None, **own}


# A new role is a row here, and its models in the catalogue.
ROLES: Mapping[str, Role] = {
    "speech": Role(client=Hearer, path="orchestrator.hear.speech:open_hearer", arguments=_speech_arguments),
    "picture": Role(client=Painter, path="orchestrator.paint:open_painter", arguments=_picture_arguments),
}


class Line:
    """The engines of one run, opened on first use and unloaded at the end.

    `on_tick` is called repeatedly while waiting for them, and may raise to end the wait.
    """

    def __init__(self, settings: Settings, on_tick: Callable[[], None] | None = None) -> None:
        self.settings, self._on_tick = settings, on_tick
        self._models: dict[str, Chosen] = {}
        self._engines: dict[str, RemoteEngine[Any]] = {}

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines.values():
            engine.unload()

    def model(self, role: str) -> Chosen:
        """Return the model that the settings choose for a role."""
        if role not in self._models:
            self._models[role] = catalogue.choose(role, self.settings)
        return self._models[role]

    def engine(self, role: str) -> RemoteEngine[Any]:
        """Return the engine of a role; it starts when it is first used."""
        if role not in self._engines:
            how, settings = ROLES[role], self.settings
            opening = Opening(role=role, path=how.path, arguments=how.arguments(settings, self.model(role)))
            self._engines[role] = how.client(opening, socket=settings.socket, on_tick=self._on_tick)
        return self._engines[role]

    @cached_property
    def speech(self) -> Hearer:
        engine = self.engine("speech")
        assert isinstance(engine, Hearer)  # noqa: S101 - for the type checker
        return engine

    @cached_property
    def picture(self) -> Painter:
        engine = self.engine("picture")
        assert isinstance(engine, Painter)  # noqa: S101 - for the type checker
        return engine
