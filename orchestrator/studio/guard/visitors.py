"""A request's head comes in; a refusal goes out, or None where it is welcome.

A browser lets any page send requests to any address, this machine's too. Three of its headers tell: Host names what the
page believed to talk to (a rebound name betrays itself), Origin and Sec-Fetch-Site tell whose page it was.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from orchestrator.studio.answers import problem
from orchestrator.studio.guard.rules import Rules, as_address

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(?::(\d{1,5}))?")
OWN_PAGE = "use the page that this server serves, or a program of your own"
BYTES = "latin-1"  # text whose characters are bytes
WEB_SCHEMES = {"ws": "http", "wss": "https"}


def answer(scope: Scope, rules: Rules) -> Response | None:
    """Refuse who may not ask; None is a welcome."""
    headers = Headers(scope=scope)
    return _wrong_host(headers, rules) or _other_site(scope, headers, rules) or _stranger(scope, headers, rules)


def _wrong_host(headers: Headers, rules: Rules) -> Response | None:
    """Refuse names that are not this server's: a page elsewhere may have bent its own name to this address."""
    hosts = headers.getlist("host")
    match = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    name = match[1].lower() if match else ""
    if name in rules.names or (rules.addresses and as_address(name)):
        return None
    message = f"this server is not called {name!r}" if name else "the request names no host"
    return problem(403, message, code="wrong_host", hint="name it when it starts: audio-to-image serve --host NAME")


def _other_site(scope: Scope, headers: Headers, rules: Rules) -> Response | None:
    """Refuse what another site's page sends; a link to the page itself is no harm."""
    scheme = WEB_SCHEMES.get(scope["scheme"], scope["scheme"])
    own = f"{scheme}://{headers['host']}".lower()
    if any(origin.lower() != own for origin in headers.getlist("origin")):
        return problem(403, "a page from elsewhere may not ask this server", code="wrong_origin", hint=OWN_PAGE)
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin") or _opens_page(scope, headers, rules):
        return None
    return problem(403, "another site may not ask this server", code="wrong_site", hint=OWN_PAGE)


def _opens_page(scope: Scope, headers: Headers, rules: Rules) -> bool:
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return opened and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == rules.page


def _stranger(scope: Scope, headers: Headers, rules: Rules) -> Response | None:
    """Refuse who does not know the token; who brings it in the page's address gets a cookie for it."""
    if not rules.token:
        return None
    query = parse_qsl(scope["query_string"].decode(BYTES), keep_blank_values=True, encoding=BYTES)
    tokens = [value.encode(BYTES) for name, value in query if name == "token"]
    if tokens and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == rules.page:
        return _entrance(headers, query, rules) if _same(tokens[0], rules.token.encode()) else _unknown()
    bearer = _bearer(scope)
    cookie = cookie_parser(headers.get("cookie", "")).get(_cookie(headers), "")
    known = _same(bearer, rules.token.encode()) or _same(cookie.encode(), _key(rules).encode())
    return None if known else _unknown()


def _entrance(headers: Headers, query: list[tuple[str, str]], rules: Rules) -> Response:
    """Lead to the page without the token in its address, so that neither history nor a screen shows it."""
    rest = urlencode([(name, value) for name, value in query if name != "token"], encoding=BYTES)
    response = RedirectResponse(rules.page + (f"?{rest}" if rest else ""), status_code=303)
    response.set_cookie(_cookie(headers), _key(rules), httponly=True, samesite="strict", max_age=None)
    return response


def _unknown() -> Response:
    hint = "open the address that `audio-to-image serve` printed, or send its token as Authorization: Bearer TOKEN"
    refusal = problem(401, "this server asks for its token", code="wrong_token", hint=hint)
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


def _bearer(scope: Scope) -> bytes:
    """Read the token that a program sends; as bytes, for it need not be ASCII."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    kind, _, token = (values[0] if len(values) == 1 else b"").partition(b" ")
    return bytes(token).strip() if kind.lower() == b"bearer" else b""


def _cookie(headers: Headers) -> str:
    """Name the cookie after the port: a browser shares cookies among all ports of a host."""
    match = HOST.fullmatch(headers["host"])
    return f"audio-to-image-{(match and match[2]) or 80}"


def _key(rules: Rules) -> str:
    """Make what the cookie holds: not the token itself."""
    return hashlib.sha256(b"audio-to-image page " + rules.token.encode()).hexdigest()


def _same(given: bytes, expected: bytes) -> bool:
    """Compare in a time that tells nothing of either, not even its length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(expected).digest())
