"""The error handler: where an exception goes that leaves a callback.

It is a function `(object, exception)`. `object` is what the callback belonged to: a state, a
transport, an accepting handle; None for posted calls and timers. Two are ready-made.
"""

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

ErrorHandler: TypeAlias = Callable[[object, BaseException], object]

log: Final = logging.getLogger("reactor")


def log_and_close(thing: object, exception: BaseException) -> None:
    """Log the exception, close the state that it belongs to, go on: the default.

    What accepts or is watched is never closed by it: one client must not end a server.

    Args:
        thing: the state, transport or handle concerned; None for a timer or a posted call.
        exception: what has left its callback.

    Thread: the owner's. Calls back: never. Source: LW-017.
    """
    log.error("exception in a callback of %r", thing, exc_info=exception)
    close = getattr(thing, "close_after_error", None)
    if close is not None:
        close()


def propagate(thing: object, exception: BaseException) -> None:
    """Let the exception leave `run()` or `run_once()`; not for a hosted collection.

    Args:
        thing: the state, transport or handle concerned; None for a timer or a posted call.
        exception: what has left its callback.

    Raises:
        BaseException: `exception`, always.

    Thread: the owner's. Calls back: never. Source: LW-018.
    """
    raise exception


def report(handler: ErrorHandler, thing: object, exception: BaseException) -> None:
    """Hand an exception to the handler; one of the handler's own is logged, and goes no further."""
    if handler is propagate:
        raise exception
    try:
        handler(thing, exception)
    except Exception:
        log.exception("the error handler itself failed, on %r", thing)
