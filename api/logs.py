"""One JSON line for each thing that happened, on standard output; what is bound to the context goes with it."""

import logging
import sys
from typing import Any

import orjson
import structlog


def configure_logs(level: str) -> None:
    """Our lines and those of libraries are JSON with time, level, logger and the bound ids; nothing secret is bound.

    Ours go straight to the output: the way through `logging` costs more than the rest of a line.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_NamedLines,
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(_formatter())
    logging.basicConfig(handlers=[lines], level=threshold, force=True)
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _NamedLines(structlog.BytesLogger):
    """Standard output, and the name that `add_logger_name` reads."""

    def __init__(self, name: str = "", *_: object) -> None:
        super().__init__(sys.stdout.buffer)
        self.name = name


def _shared() -> list[structlog.types.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _formatter() -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
    )


def _json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
