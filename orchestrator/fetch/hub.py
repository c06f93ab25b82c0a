"""List a repository on the hub and read its files.

This is the program's only outbound network, through huggingface_hub: HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN, HF_HOME and
proxies work as they do there. The bytes are read here because huggingface_hub does not resume across runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import AudioToImageError

FULL_COMMIT = 40  # characters
PATIENT = (408, 425, 429, 500, 502, 503, 504)  # statuses worth another try
ACCESS = "accept the model's terms on its page, then: export HF_TOKEN=..."


class HubError(AudioToImageError):
    """The hub refused or failed; `again` if another try may help, after `seconds` if it named a time."""

    def __init__(self, message: str, hint: str = "", *, again: bool = False, seconds: float | None = None) -> None:
        super().__init__(message, hint)
        self.again = again
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file as the hub describes it: a large one by its SHA-256, a small one by its git blob id."""

    path: str
    size: int
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a repository holds at one commit."""

    repository: str
    commit: str
    files: tuple[Remote, ...]


def listing(repository: str, revision: str) -> Listing:
    """List a repository at a revision: "" is the newest, a short one the beginning of a commit."""
    from huggingface_hub.errors import RevisionNotFoundError

    with _translated(f"{repository}{f' at {revision}' if revision else ''}"):
        try:
            return _listed(repository, revision or "main")
        except RevisionNotFoundError:
            if not 0 < len(revision) < FULL_COMMIT:
                raise
        newest = _listed(repository, "main")  # some hubs accept only full commit names
    if newest.commit.startswith(revision):
        return newest
    raise HubError(f"{repository} is at {newest.commit[:7]}, no longer at {revision}", "audio-to-image models list")


def _listed(repository: str, revision: str) -> Listing:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    hub = HfApi(endpoint=_endpoint())
    try:
        info = hub.model_info(repository, revision=revision, files_metadata=True, timeout=_patience())
        remotes = tuple(_remote(each) for each in info.siblings or ())
    except HFValidationError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # for example a network's sign-in page
        raise HubError(
            f"{hub.endpoint} does not answer as a hub does", "is this network waiting for you to sign in?"
        ) from error
    return Listing(repository=repository, commit=info.sha or "", files=remotes)


def _remote(sibling: Any) -> Remote:
    sha256 = sibling.lfs.sha256 if sibling.lfs else ""
    return Remote(path=sibling.rfilename, size=sibling.size or 0, sha256=sha256, blob=sibling.blob_id or "")


def find_cached(repository: str, commit: str, path: str) -> Path | None:
    """Find a file in huggingface_hub's cache on this machine, where other programs may have put it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, path, revision=commit)
    return Path(found) if isinstance(found, str) else None


@contextmanager
def open_file(repository: str, commit: str, path: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Open a file from its byte `start` on; yield the byte that the hub really begins with, and the blocks."""
    from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # exported lazily

    url = hf_hub_url(repository, path, revision=commit, endpoint=_endpoint())
    headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with (
        _translated(f"{path} of {repository}", begun=True),
        get_session().stream("GET", url, headers=headers, timeout=_patience()) as response,
    ):
        hf_raise_for_status(response)
        yield start if response.status_code == 206 else 0, response.iter_bytes()


@contextmanager
def _translated(what: str, *, begun: bool = False) -> Iterator[None]:
    """Turn the client's errors into HubError; a lost connection is worth another try, a missing network is not."""
    import httpx2  # the client inside huggingface_hub
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set, so nothing is fetched", "unset HF_HUB_OFFLINE") from error
    except errors.HfHubHTTPError as error:
        raise _refused(what, error, error.response.headers, error.response.status_code) from error
    except errors.HFValidationError as error:
        raise HubError(f"the hub has no {what}: {error}", "audio-to-image models list") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        passing = isinstance(error, httpx2.TimeoutException | httpx2.NetworkError | httpx2.ProtocolError)
        again = passing and (begun or not isinstance(error, httpx2.ConnectError))
        raise HubError(f"the network failed at {what}: {reason}", "audio-to-image models get", again=again) from error


def _refused(what: str, error: Exception, headers: Mapping[str, str], status: int) -> HubError:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError) or status in (401, 403):
        return HubError(f"the hub does not give {what} to everyone (status {status})", ACCESS)
    if status == 404:
        return HubError(f"the hub has no {what}", "audio-to-image models list")
    after = headers.get("Retry-After", "")
    seconds = float(after) if re.fullmatch(r"\d{1,6}", after) else None
    return HubError(
        f"the hub failed at {what} (status {status})", "try later", again=status in PATIENT, seconds=seconds
    )


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None  # huggingface_hub reads it once, when it is imported


def _patience() -> float:
    """Return the seconds of silence after which a request fails."""
    from huggingface_hub import constants

    return float(constants.HF_HUB_DOWNLOAD_TIMEOUT)
