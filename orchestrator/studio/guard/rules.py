"""The guard's rules: which names and addresses are served, who needs a token, and how much may be sent."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

from orchestrator.errors import Misuse

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who may send requests, and how much."""

    names: frozenset[str] = LOOPBACK  # accepted in Host, with any port, because a tunnel has its own
    addresses: bool = False  # accept any IP address too: DNS rebinding needs a name
    token: str = field(default="", repr=False)  # empty: none is needed
    page: str = "/"  # a link on another site may open it
    upload_bytes: int = 64 * MIB  # a form with a recording or a picture
    words_bytes: int = MIB  # any other body
    body_seconds: float = 60.0  # for the whole of it


def rules_for(host: str, token: str = "") -> Rules:
    """Make the rules for serving on a host name or address; other than loopback needs a token."""
    if is_loopback(host):
        return Rules(names=LOOPBACK | {bracketed(host)}, token=token)
    if not token:
        raise Misuse(f"serving on {host} needs a token", "give one with --token, or leave --host out")
    return Rules(names=LOOPBACK | this_machine() | {bracketed(host)}, addresses=True, token=token)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be reached from this machine."""
    address = as_address(host)
    return address.is_loopback if address else host.lower() == "localhost"


def as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an IP address, with or without brackets; None if it is a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def bracketed(host: str) -> str:
    """Return a host as in a Host header."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()


def this_machine() -> frozenset[str]:
    """Return this machine's names in the local network."""
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    return frozenset({name, first, f"{first}.local"})
