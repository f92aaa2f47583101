"""The log: lines on standard error, as text or as JSON objects."""

from __future__ import annotations

import logging
import sys

import msgspec

from .settings import LogSettings
from .times import iso


class TextFormatter(logging.Formatter):
    """`2025-10-05T00:00:00Z INFO  text`, in UTC, always one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """Return when it was said, UTC."""
        return iso(record.created)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line; a traceback keeps its own lines below it."""
        head, *traceback = super().format(record).split("\nTraceback ", 1)
        line = head.replace("\r", "\\r").replace("\n", "\\n")
        return "\nTraceback ".join([line, *traceback])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "time": iso(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(settings: LogSettings) -> None:
    """Send promferry's log to standard error at the level and in the format that were set.

    Libraries log from WARNING up only: at DEBUG some of them print headers, secrets included.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours = logging.getLogger("promferry")
    ours.setLevel(settings.level)
    # urllib3 retries nothing for us, and what it warns of (an unchecked certificate, once a
    # request) is said once by the client itself.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("botocore").setLevel(logging.ERROR)
