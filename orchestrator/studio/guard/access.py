"""Who may send requests: checks of the Host, the Origin and the token.

A browser lets any page send requests to any address, including this machine's. Three headers reveal that: Host is the
name that the page used (DNS rebinding shows there), Origin and Sec-Fetch-Site say which site the page is from.
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

from orchestrator.studio.guard.rules import Rules, as_address
from orchestrator.studio.problems import problem

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(?::(\d{1,5}))?")
OWN_PAGE = "use the page that this server serves, or a program of your own"
BYTES = "latin-1"  # text whose characters are bytes
WEB_SCHEMES = {"ws": "http", "wss": "https"}


def refusal(scope: Scope, rules: Rules) -> Response | None:
    """Return the response to a request that is not allowed; None if it is."""
    headers = Headers(scope=scope)
    return _wrong_host(headers, rules) or _other_site(scope, headers, rules) or _wrong_token(scope, headers, rules)


def _wrong_host(headers: Headers, rules: Rules) -> Response | None:
    """Refuse names that are not this server's: another site may have pointed its own name at this address."""
    hosts = headers.getlist("host")
    match = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    name = match[1].lower() if match else ""
    if name in rules.names or (rules.addresses and as_address(name)):
        return None
    message = f"{name!r} is not a name of this server" if name else "the request names no host"
    return problem(403, message, code="wrong_host", hint="give the name at the start: audio-to-image serve --host NAME")


def _other_site(scope: Scope, headers: Headers, rules: Rules) -> Response | None:
    """Refuse what another site's page sends; a link to our page is harmless."""
    scheme = WEB_SCHEMES.get(scope["scheme"], scope["scheme"])
    own = f"{scheme}://{headers['host']}".lower()
    if any(origin.lower() != own for origin in headers.getlist("origin")):
        return problem(403, "a page of another site may not use this server", code="wrong_origin", hint=OWN_PAGE)
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin") or _opens_page(scope, headers, rules):
        return None
    return problem(403, "another site may not use this server", code="wrong_site", hint=OWN_PAGE)


def _opens_page(scope: Scope, headers: Headers, rules: Rules) -> bool:
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return opened and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == rules.page


def _wrong_token(scope: Scope, headers: Headers, rules: Rules) -> Response | None:
    """Refuse requests without the token; the page's address may carry it, and is answered with a cookie."""
    if not rules.token:
        return None
    query = parse_qsl(scope["query_string"].decode(BYTES), keep_blank_values=True, encoding=BYTES)
    tokens = [value.encode(BYTES) for name, value in query if name == "token"]
    if tokens and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == rules.page:
        return _set_cookie(headers, query, rules) if _same(tokens[0], rules.token.encode()) else _refuse_token()
    bearer = _bearer(scope)
    cookie = cookie_parser(headers.get("cookie", "")).get(_cookie(headers), "")
    known = _same(bearer, rules.token.encode()) or _same(cookie.encode(), _key(rules).encode())
    return None if known else _refuse_token()


def _set_cookie(headers: Headers, query: list[tuple[str, str]], rules: Rules) -> Response:
    """Redirect to the page without the token in its address, so that neither history nor the screen shows it."""
    rest = urlencode([(name, value) for name, value in query if name != "token"], encoding=BYTES)
    response = RedirectResponse(rules.page + (f"?{rest}" if rest else ""), status_code=303)
    response.set_cookie(_cookie(headers), _key(rules), httponly=True, samesite="strict", max_age=None)
    return response


def _refuse_token() -> Response:
    hint = "open the address that `audio-to-image serve` printed, or send its token as Authorization: Bearer TOKEN"
    refusal = problem(401, "the token is missing or wrong", code="wrong_token", hint=hint)
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


def _bearer(scope: Scope) -> bytes:
    """Return the token of the Authorization header, as bytes: it need not be ASCII."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    kind, _, token = (values[0] if len(values) == 1 else b"").partition(b" ")
    return bytes(token).strip() if kind.lower() == b"bearer" else b""


def _cookie(headers: Headers) -> str:
    """Return the cookie's name, which contains the port: a browser shares cookies among all ports of a host."""
    match = HOST.fullmatch(headers["host"])
    return f"audio-to-image-{(match and match[2]) or 80}"


def _key(rules: Rules) -> str:
    """Return the cookie's value, which does not reveal the token."""
    return hashlib.sha256(b"audio-to-image page " + rules.token.encode()).hexdigest()


def _same(given: bytes, expected: bytes) -> bool:
    """Compare in constant time, whatever the lengths."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(expected).digest())
