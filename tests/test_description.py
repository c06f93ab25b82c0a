"""The API's description against a real server: every response matches it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import Server
from starlette.routing import Route, WebSocketRoute

from orchestrator.choices import Hearing, PaintEngine, Painting, choices
from orchestrator.studio import fields
from orchestrator.studio.app import ROUTES
from orchestrator.studio.description import openapi, schemas

TRUE = [checks.not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIO_TO_IMAGE_DATA", str(tmp_path_factory.mktemp("data")))
        server = Server()
    server.paint(prompt="a tree")
    yield server
    status, complaints = server.end()
    assert (status, "Traceback" in complaints) == (0, False), complaints


def quick() -> dict[str, Any]:
    """The description, limited to one picture of one step by the engine that is loaded."""
    quick: dict[str, Any] = json.loads(json.dumps(openapi()))
    for name in ("PictureWish", "PictureForm", "ImageWish", "EditForm"):
        schema = quick["components"]["schemas"][name]
        fields = schema["properties"]
        for one in {"steps", "n", "count"} & fields.keys():
            fields[one] |= {"type": "integer", "maximum": 1}
        fields["engine"] = fields["compute_unit"] = {"enum": ["auto"]}
        schema["required"].append("steps")
    return quick


API = schemathesis.openapi.from_dict(quick())
API.config.phases.coverage.enabled = False


@API.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
def test_every_response_matches_its_description(case: schemathesis.Case, server: Server) -> None:
    case.call_and_validate(base_url=server.url, checks=TRUE, timeout=60)


def test_the_server_serves_its_description(server: Server) -> None:
    assert server.ask("GET", "/openapi.json").json() == json.loads(json.dumps(openapi()))


def test_every_address_is_described_and_none_beside_them() -> None:
    answered = set()
    for route in ROUTES:
        if isinstance(route, Route) and route.path != "/":
            answered |= {(route.path, method.lower()) for method in route.methods or () if method != "HEAD"}
        assert isinstance(route, Route | WebSocketRoute) or route.path == "/page"
    told = {(path, method) for path, item in openapi()["paths"].items() for method in item if method != "parameters"}
    assert told == answered


def test_clients_choose_what_choices_py_has_but_for_what_the_server_chooses() -> None:
    chosen = {**choices(Painting), **choices(PaintEngine), **choices(Hearing)}
    assert chosen.keys() - fields.FIELDS.keys() == {"hearer", "batch"}
    assert set(fields.FIELDS) <= set(chosen)
    for name in ("PictureWish", "PictureForm"):
        assert fields.FIELDS.keys() <= openapi()["components"]["schemas"][name]["properties"].keys()


def test_limits_help_and_values_are_those_of_choices_py_unless_this_server_has_narrower_ones() -> None:
    narrower = {"count", "seed"}
    for name, known in choices(Painting).items():
        schema = schemas.field(name)
        assert schema["description"] == known.help
        if known.values:
            assert schema["enum"] == [*known.values, None]
        elif known.least is not None and name not in narrower:
            assert (schema["minimum"], schema["maximum"]) == (known.least, known.most)
    assert schemas.field("count")["maximum"] == fields.MOST_COUNT
    assert schemas.field("language")["enum"][:2] == ["auto", "en"]


def test_the_page_is_given_every_choice_of_how_to_paint(server: Server) -> None:
    chosen = server.status()["choices"]
    assert chosen["painting"] == {name: schemas.field(name) for name in choices(Painting)}
    assert chosen["painting"].keys() <= chosen["defaults"].keys()
