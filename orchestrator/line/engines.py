"""The engines of a run, each in another process: settings come in; a Hearer and a Painter go out, not yet loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator import catalogue
from orchestrator.hear.speech import Task
from orchestrator.worker import Elsewhere, Opening

if TYPE_CHECKING:
    from orchestrator.hear.speech import Heard
    from orchestrator.paint import Engine, Request, Step
    from orchestrator.settings import Settings
    from orchestrator.sound import Samples


class HearerElsewhere(Elsewhere):
    """A Hearer in another process."""

    @property
    def longest(self) -> float:
        seconds: float = self.ask("longest")
        return seconds

    def hear(self, samples: Samples) -> Heard:
        heard: Heard = self.ask("hear", samples)
        return heard


class PainterElsewhere(Elsewhere):
    """A Painter in another process."""

    @property
    def engine(self) -> Engine:
        engine: Engine = self.ask("engine")
        return engine

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.ask("size")
        return width, height

    def resolve(self, request: Request) -> Request:
        resolved: Request = self.ask("resolve", request)
        return resolved

    def paint(self, request: Request) -> Iterator[Step]:
        return self.stream("paint", request)


Tick = Callable[[], None]


def open_hearer(settings: Settings, tick: Tick | None = None) -> tuple[HearerElsewhere, catalogue.Chosen]:
    """Choose the speech model and name its engine."""
    chosen = catalogue.choose("speech", settings)
    task = Task(
        language=settings.language,
        translate=settings.translate,
        threads=settings.threads,
        initial_prompt=settings.initial_prompt,
    )
    arguments = {"model": chosen.path, "hearer": settings.hearer, "task": task}
    opening = Opening(name="speech", path="orchestrator.hear.speech:open_hearer", arguments=arguments)
    return HearerElsewhere(opening, socket=settings.socket, tick=tick), chosen


def open_painter(settings: Settings, tick: Tick | None = None) -> tuple[PainterElsewhere, catalogue.Chosen]:
    """Choose the picture model and name its engine."""
    chosen = catalogue.choose("picture", settings)
    arguments = {
        "folder": chosen.path,
        "engine": settings.engine,
        "compute_unit": settings.compute_unit,
        "threads": settings.threads or None,
    }
    opening = Opening(name="picture", path="orchestrator.paint:open_painter", arguments=arguments)
    return PainterElsewhere(opening, socket=settings.socket, tick=tick), chosen


class Line:
    """The engines of one run, opened when first asked for; leaving it lets them go.

    `tick` is called again and again while one waits for them, and may raise to end that.
    """

    def __init__(self, settings: Settings, tick: Tick | None = None) -> None:
        self.settings, self._tick = settings, tick

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("_hearing", "_painting"):
            if name in self.__dict__:
                self.__dict__[name][0].unload()

    @cached_property
    def _hearing(self) -> tuple[HearerElsewhere, catalogue.Chosen]:
        return open_hearer(self.settings, self._tick)

    @cached_property
    def _painting(self) -> tuple[PainterElsewhere, catalogue.Chosen]:
        return open_painter(self.settings, self._tick)

    @property
    def hearer(self) -> HearerElsewhere:
        return self._hearing[0]

    @property
    def painter(self) -> PainterElsewhere:
        return self._painting[0]

    @property
    def speech_model(self) -> catalogue.Chosen:
        return self._hearing[1]

    @property
    def model(self) -> catalogue.Chosen:
        return self._painting[1]
