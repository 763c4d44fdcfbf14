"""How log lines are written: for a person, or as JSON for a machine."""

import logging
import sys
import warnings
from typing import Literal

import structlog

LogLevel = Literal["debug", "info", "warning", "error"]
SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def logger_of(name: str) -> structlog.stdlib.BoundLogger:
    """A logger of the standard library that takes fields, too; it writes nothing unless the process wants logs."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    ).bind()  # now, and not again for each line
    return logger


def configure(level: LogLevel, form: Literal["text", "json"]) -> None:
    """Sends all logs of the process to the standard error, one line each.

    A log that cannot be written, on a full disk say, is lost; nothing else is.
    """
    rendered: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=_is_terminal())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                rendered,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.raiseExceptions = False
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = name != "uvicorn.access"  # whose lines `request_log` writes, with an id
    # They warn of each malformed request; the caller is told already, and should not be able to fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    # With numbers of the file in each text, so that none is like another: once for each would be once for every file.
    warnings.filterwarnings("ignore", module="PIL")


def _is_terminal() -> bool:
    return sys.stderr.isatty()
