"""Switch: a `start_tls` that is not over yet.

What was asked for is looked at before anything changes; then output has to go, and hands have to
be shaken. Meanwhile this is what the transport remembers of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reactor.channel.tls_settings import TLSPlan, tls_plan
from reactor.deadline import check_timeout
from reactor.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Switch:
    """The plan of TLS, who is told of its end, and the limit of the handshake in seconds."""

    plan: TLSPlan
    callback: Callable[[Any, BaseException | None], object] | None
    timeout: float | None

    def tell(self, transport: Any, error: BaseException | None) -> None:
        """Tell who wants to know that TLS is up, or why it will not be."""
        if self.callback is not None:
            self.callback(transport, error)


def switch_for(
    state: Connection,
    tls: Any,
    callback: Callable[[Any, BaseException | None], object] | None,
    *,
    timeout: float | None,
    side: str | None,
    name: str | bool | None,
) -> Switch:
    """Look at the arguments of a `start_tls` and make a switch of them.

    Raises:
        ValueError, TypeError: one of them is wrong, or there is no name to verify.

    Thread: the owner's. Calls back: never. Source: PR-10, LW-143.
    """
    limit = check_timeout("handshake_timeout", timeout)
    plan = tls_plan(tls, side=side, host=state.server_name, server_hostname=name)
    if plan is None:
        raise TypeError("start_tls needs a description of TLS, not None")
    return Switch(plan, callback, limit)
