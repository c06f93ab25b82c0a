"""Where the studio serves comes in; whom it lets in, and how much each may send, goes out."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

from orchestrator.errors import Misuse

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who may ask, and how much."""

    names: frozenset[str] = LOOPBACK  # by which it may be called; on any port, because a tunnel has its own
    addresses: bool = False  # any IP address will do too: rebinding needs a name
    token: str = field(default="", repr=False)  # empty: nobody is asked for one
    page: str = "/"  # what a link on another site may open
    upload_bytes: int = 64 * MIB  # a form with a recording or a picture
    words_bytes: int = MIB  # any other body
    body_seconds: float = 60.0  # for the whole of it


def serving(host: str, token: str = "") -> Rules:
    """Make the rules for serving on a host name or address; beyond this machine they need a token."""
    if is_loopback(host):
        return Rules(names=LOOPBACK | {bracketed(host)}, token=token)
    if not token:
        raise Misuse(f"serving on {host} needs a token", "give one with --token, or leave --host out")
    return Rules(names=LOOPBACK | this_machine() | {bracketed(host)}, addresses=True, token=token)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is reached from this machine alone."""
    address = as_address(host)
    return address.is_loopback if address else host.lower() == "localhost"


def as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an IP address, with or without brackets."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def bracketed(host: str) -> str:
    """Write a host as a Host header does."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()


def this_machine() -> frozenset[str]:
    """Name this machine as its neighbours do."""
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    return frozenset({name, first, f"{first}.local"})
