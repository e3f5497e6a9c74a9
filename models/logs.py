"""How every process writes its log."""

import sys

import structlog


def write_log_as_json() -> None:
    """One JSON object a line, on standard error. Tracebacks without the values of variables: those hold cookies and names."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
