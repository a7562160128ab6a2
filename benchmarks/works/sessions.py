"""Sessions: a whole TLS handshake of both sides in memory, resumed or not; thread CPU time.

`full` is our channels without sessions, `ours` with those that a `ClientTLS` keeps by itself, and
`bare` is Python's `ssl` with the session handed over by hand: what resuming can save at all.
"""

import ssl
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns
from typing import Any, Final

import trustme

from benchmarks.work import Work
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_settings import ClientTLS, ServerTLS, TLSPlan, tls_plan
from reactor.testing.memory import memory_pair

PEERS: Final = ("full", "bare", "ours")
NAME: Final = "localhost"


def handshakes(name: str, quick: bool) -> float:
    """Return the microseconds of thread CPU for one handshake, the tickets read, and the end."""
    with tempfile.TemporaryDirectory() as folder:
        authority, identity = Path(folder, "authority.pem"), Path(folder, "identity.pem")
        ca = trustme.CA()
        ca.cert_pem.write_to_path(authority)
        ca.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(identity)
        if name == "bare":
            visit = _bare(authority, identity)
        else:
            limit = 0 if name == "full" else 128
            client = tls_plan(
                ClientTLS(trusted_file=authority, session_limit=limit), side="client", host=NAME
            )
            server = tls_plan(ServerTLS(identity), side="server")
            visit = _ours(client, server)
    costs: list[int] = []
    for _ in range(60 if quick else 300):
        started = thread_time_ns()
        visit()
        costs.append(thread_time_ns() - started)
    return statistics.quantiles(costs, n=4)[0] / 1000


def _ours(client: TLSPlan | None, server: TLSPlan | None) -> Callable[[], None]:
    assert client is not None
    assert server is not None

    def visit() -> None:
        near, far = memory_pair()
        ends = TLSChannel(near, client.engine()), TLSChannel(far, server.engine())
        while not all([ends[0].handshake(), ends[1].handshake()]):
            pass
        ends[0].read(1)  # the tickets
        for end in ends:
            end.close()

    return visit


def _bare(authority: Path, identity: Path) -> Callable[[], None]:
    client = ssl.create_default_context(cafile=authority)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity)
    kept: list[Any] = [None]

    def visit() -> None:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(back, there, server_hostname=NAME, session=kept[0])
        far = server.wrap_bio(there, back, server_side=True)
        while not all([_done(near.do_handshake), _done(far.do_handshake)]):
            pass
        _done(near.read)
        kept[0] = near.session

    return visit


def _done(step: Callable[[], object]) -> bool:
    try:
        step()
    except ssl.SSLWantReadError:
        return False
    return True


WORKS: Final = (
    Work("tls-resume", "TLS: handshake of both sides, resumed", "us", PEERS, handshakes),
)
