"""What the client of the Hugging Face Hub leaves to others: waits that end, contents compared, failures in words.

The client waits for hours where a busy hub asks for that, compares only the size of what arrives, and trusts its cache.
"""

import email.utils
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pooch
from huggingface_hub import get_hf_file_metadata, get_session
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from huggingface_hub.utils import httpx

from course_utils import stamps
from course_utils.errors import CourseError

BUSY = (429, 503)           # HTTP: too many requests; service unavailable
ATTEMPTS = 4                # how often a busy hub is asked about one file
LONGEST_WAIT = 30.0         # seconds; a hub that asks for a longer wait is not waited for


class RefusedError(CourseError):
    """What came is not to be used; the message is the reason, in words."""


# --- waiting --------------------------------------------------------------------------------------


def ask(url: str):
    """What the hub says of a file (HfFileMetadata); where it is busy, ask again after the wait that it names."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return get_hf_file_metadata(url)
        except HfHubHTTPError as error:
            if error.response.status_code not in BUSY or attempt == ATTEMPTS:
                raise
            time.sleep(seconds_to_wait(error.response.headers.get("Retry-After"), attempt))


@contextmanager
def no_long_waits() -> Iterator[None]:
    """Within this block give up where a busy hub asks for a long wait; the client alone would wait for hours."""

    def refuse(response) -> None:
        wait = seconds_to_wait(response.headers.get("Retry-After"), attempt=1)
        if response.status_code in BUSY and wait > LONGEST_WAIT:
            raise RefusedError(_status_in_words(response))

    hooks = get_session().event_hooks["response"]
    hooks.append(refuse)
    try:
        yield
    finally:
        hooks.remove(refuse)


def seconds_to_wait(retry_after: str | None, attempt: int, now: datetime | None = None) -> float:
    """How long to wait after a refusal: what its Retry-After header says, else 1, 2, 4 … s for attempt 1, 2, 3 …

    The header is a number of seconds or a date (RFC 9110, section 10.2.3, 2022); one that is neither counts as none.
    """
    with suppress(TypeError, ValueError):
        return float(max(0, int(retry_after)))
    with suppress(TypeError, ValueError):
        then = email.utils.parsedate_to_datetime(retry_after).replace(tzinfo=UTC)     # a date of HTTP is always GMT
        return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
    return float(2 ** (attempt - 1))


# --- comparing ------------------------------------------------------------------------------------


def remove_if_wrong(file: Path, etag: str | None = None) -> str | None:
    """Delete a file of the client's cache whose content is not what its ETag names, and say so; None where it is.

    The client keeps contents apart from names, each under its ETag: that is the one compared where none is given.
    """
    blob = file.resolve()
    etag = etag or blob.name
    if len(etag) not in DIGESTS:
        return None                                                # a system without links keeps no ETag
    try:
        found = _hash(blob, etag)
    except FileNotFoundError:
        return "no content: another process has removed it"
    if found == etag:
        return None
    for wrong in (blob, file):
        wrong.unlink(missing_ok=True)
    return f"the wrong hash (expected {etag[:12]}…, got {found[:12]}…)"


def _hash(blob: Path, etag: str) -> str:
    """The hash of a content, of the kind of its ETag; what was right before and has not changed since is not read."""
    stamp, status = blob.parent.with_name(".verified.json"), blob.stat()
    known, seen = stamps.read(stamp), [status.st_size, status.st_mtime_ns]
    if known.get(etag) == seen:
        return etag
    found = DIGESTS[len(etag)](blob)
    if found == etag:
        with suppress(OSError):                                    # a cache that only its owner may write
            stamps.write(stamp, known | {etag: seen})
    return found


def remove_halves(file: Path) -> None:
    """Remove what killed downloads left beside a file of the client's cache, of contents that are whole by now."""
    for half in file.resolve().parent.glob("*.incomplete"):
        if half.with_name(half.name.partition(".")[0]).exists():
            with suppress(OSError):                                # a cache that only its owner may write
                half.unlink(missing_ok=True)


def _git_hash(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


DIGESTS = {64: pooch.file_hash, 40: _git_hash}                     # by digits: sha256 of a large file, Git's of a small


# --- saying it ------------------------------------------------------------------------------------


def in_words(error: BaseException) -> str:
    """Why the hub's copy could not be had, on one line, to go after `because`."""
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__:
        return in_words(error.__cause__)                           # the client wraps what really happened
    if isinstance(error, HfHubHTTPError):
        return _status_in_words(error.response)
    if isinstance(error, httpx.TimeoutException):
        return "the hub did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "the hub cannot be reached"
    if isinstance(error, httpx.TransportError):
        return "the connection to the hub broke off"
    if isinstance(error, RefusedError):
        return str(error)
    return f"the download failed ({type(error).__name__}: {' '.join(str(error).split()).rstrip('.')})"


def _status_in_words(response) -> str:
    status = response.status_code
    if status in BUSY:
        wait = response.headers.get("Retry-After")
        return f"the hub is busy (HTTP {status}" + (f", Retry-After: {wait})" if wait else ")")
    if status in (401, 403, 404):
        return f"the hub does not give it at the pinned revision (HTTP {status})"
    return f"the hub answered with an error (HTTP {status})"
