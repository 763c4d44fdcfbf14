"""Every error that the service answers: causes with a stable `type`, and the problem that is raised. Knows no HTTP but
the statuses; `service.http.problems` writes the documents."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

TYPE_PREFIX = "urn:wikiclip:problem:"


@dataclass(frozen=True, slots=True)
class About:
    """What a cause means: the HTTP status it is answered with and a title that never changes."""

    status: int
    title: str


class Cause(Enum):
    """Every cause of an error, by the last part of its `type`. Names are part of the interface: add, never rename."""

    MALFORMED_HTTP = "malformed-http", About(400, "The request is not HTTP/1.1 as RFC 9112 has it.")
    MALFORMED_JSON = "malformed-json", About(400, "The body is not strict JSON.")
    MALFORMED_MULTIPART = "malformed-multipart", About(400, "The body is not well-formed multipart/form-data.")
    CONNECTION_CLOSED = "connection-closed", About(400, "The caller closed the connection before it had its answer.")
    UNAUTHORIZED = "unauthorized", About(401, "The service asks for a key.")
    FORBIDDEN = "forbidden", About(403, "The key is not one for this.")
    CHANGES_OFF = "changes-off", About(403, "The service takes no changes.")
    FEEDBACK_OFF = "feedback-off", About(403, "The service keeps no feedback.")
    FOREIGN_ORIGIN = "foreign-origin", About(403, "The page that asks is not this service's own.")
    UNKNOWN_ENTITY = "unknown-entity", About(404, "The knowledge base has no such entity.")
    NO_PICTURE = "no-picture", About(404, "The entity has no such picture.")
    UNKNOWN_SCENE = "unknown-scene", About(404, "There is no such scene.")
    UNKNOWN_JOB = "unknown-job", About(404, "There is no such job.")
    NOT_FOUND = "not-found", About(404, "Nothing is served at this path.")
    METHOD_NOT_ALLOWED = "method-not-allowed", About(405, "This path does not answer this method.")
    BODY_TOO_SLOW = "body-too-slow", About(408, "The body took longer to come than the service waits.")
    BODY_TOO_LARGE = "body-too-large", About(413, "The body is larger than the service accepts.")
    IMAGE_TOO_LARGE = "image-too-large", About(413, "The picture is larger than the service accepts.")
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", About(415, "The body is of a type the service does not read.")
    UNSUPPORTED_IMAGE = "unsupported-image", About(415, "The picture is of a format the service does not read.")
    WRONG_HOST = "wrong-host", About(421, "The service does not answer to this name.")
    INVALID_REQUEST = "invalid-request", About(422, "A field is missing, unknown or out of its range.")
    MALFORMED_BASE64 = "malformed-base64", About(422, "The field is not base64.")
    EMPTY_IMAGE = "empty-image", About(422, "The picture has zero bytes.")
    UNREADABLE_IMAGE = "unreadable-image", About(422, "The file cannot be read; only linking offline says so.")
    MALFORMED_IMAGE = "malformed-image", About(422, "The picture cannot be decoded.")
    MALFORMED_REGION = "malformed-region", About(422, "The region has none of the forms that are read.")
    MALFORMED_RLE = "malformed-rle", About(422, "The run-length encoding is wrong.")
    MALFORMED_POLYGON = "malformed-polygon", About(422, "The polygon is wrong.")
    MALFORMED_BOX = "malformed-box", About(422, "The box is wrong.")
    MALFORMED_PNG = "malformed-png", About(422, "The PNG mask cannot be decoded.")
    MASK_SIZE_MISMATCH = "mask-size-mismatch", About(422, "The mask is not of the picture's size.")
    OUTSIDE_PICTURE = "outside-picture", About(422, "The region lies wholly outside the picture.")
    EMPTY_MASK = "empty-mask", About(422, "The region covers no pixel.")
    REGION_TOO_COMPLEX = "region-too-complex", About(422, "The region takes more work than the service accepts.")
    TOO_MANY_REGIONS = "too-many-regions", About(422, "There are more regions than the service accepts.")
    RATE_LIMITED = "rate-limited", About(429, "The caller asks more often than is allowed.")
    INTERNAL_ERROR = "internal-error", About(500, "The service failed; the fault is not the caller's.")
    NOT_READY = "not-ready", About(503, "The service cannot answer yet.")
    INDEX_DAMAGED = "index-damaged", About(503, "A file of the index is not what was published.")
    INDEX_UNREACHABLE = "index-unreachable", About(503, "The server that has the index's vectors does not answer.")
    SEARCH_FAILED = "search-failed", About(503, "A search of the service's own did not find what it should.")
    BUSY = "busy", About(503, "The service has as much work waiting as it accepts.")
    DEADLINE = "deadline", About(504, "The work was not done in time.")
    NO_ROOM = "no-room", About(507, "There is no room to keep what was sent.")

    def __init__(self, code: str, about: About) -> None:
        self.code = code
        self.status = about.status
        self.title = about.title

    @property
    def type(self) -> str:
        return TYPE_PREFIX + self.code


BY_CODE = {cause.code: cause for cause in Cause}


class Problem(Exception):
    """An answer other than success. `detail` is for a person and holds nothing of the request.

    `errors` lists faults by field, each `{"pointer", "detail"}` with a JSON pointer of the body (RFC 9457, section 3).
    """

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.headers = headers
        self.errors = errors

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": self.cause.type,
            "title": self.cause.title,
            "status": self.cause.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def index_damaged() -> Problem:
    """What is refused while the index must not be read."""
    return Problem(Cause.INDEX_DAMAGED, "The server's log names the file; the index has to be restored.")


def index_unreachable() -> Problem:
    """What is refused while a server that has the vectors does not answer; it is asked anew for each request."""
    return Problem(
        Cause.INDEX_UNREACHABLE, "The server's log says why; try again in a moment.", headers={"Retry-After": "2"}
    )


def not_loaded(*, failed: bool, what: str | None = None) -> Problem:
    """What is refused while model and index are not there.

    Args:
        what: what is being done about it, as a sentence; they are loaded if None.
    """
    if failed:
        return Problem(Cause.NOT_READY, "Model or index could not be loaded; the server's log says why.")
    return Problem(Cause.NOT_READY, what or "Model and index are being loaded.", headers={"Retry-After": "2"})


def busy() -> Problem:
    """What a request is refused with that finds no place."""
    return Problem(Cause.BUSY, "Try again in a moment.", headers={"Retry-After": "1"})
