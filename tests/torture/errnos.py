"""Which call can fail with what, and why we believe it: the table of the torture.

The manual pages are those of Linux (man-pages 6). What only a bug of the caller causes (EFAULT,
ENOTSOCK, EBADF on a descriptor of one's own) is not in it, nor is what Python keeps to itself: it
repeats interrupted calls (PEP 475), and takes ECONNRESET of a close for success (bpo-30319).
"""

from __future__ import annotations

from typing import Final

# "Not now", and what comes too late to matter: nothing is wrong, so nothing may be lost by it, and
# no time need pass.
HARMLESS: Final = frozenset(
    {
        *(("accept", "EAGAIN"), ("recv", "EAGAIN"), ("send", "EAGAIN"), ("connect", "EINTR")),
        *(("unregister", "ENOENT"), ("unregister", "EBADF")),
        *(("close", "EIO"), ("close", "EINTR"), ("close", "ENOSPC"), ("close", "EDQUOT")),
        ("getpeername", "ENOTCONN"),
    }
)

# accept() of these has taken a client from the queue, who is lost. All others leave him there, and
# he is served in the end.
LOST_CLIENT: Final = frozenset(
    {
        *("ECONNABORTED", "EPROTO", "ENOPROTOOPT", "ENONET"),
        *("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH"),
    }
)

# accept() fails with these, again and again, until time has passed.
SHORTAGE: Final = frozenset({"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"})

_LINK: Final = {
    "ETIMEDOUT": "tcp(7): the other end did not acknowledge what was sent",
    "EHOSTUNREACH": "ip(7): an ICMP message said so, and the kernel gave up",
    "ENETUNREACH": "ip(7): the route has gone",
    "ENETDOWN": "netdevice(7): the interface went down",
}
_MEMORY: Final = {
    "ENOMEM": "recv(2), send(2): no memory",
    "ENOBUFS": "send(2): no room in the queue of the interface; POSIX allows it for all of them",
}

TABLE: Final[dict[str, dict[str, str]]] = {
    "accept": {
        "EAGAIN": "accept(2): the client went, or another process was faster",
        "ECONNABORTED": "accept(2): the client has reset",
        "EMFILE": "accept(2): the process has no descriptor left",
        "ENFILE": "accept(2): the system has no file left",
        "ENOBUFS": "accept(2): no socket memory",
        "ENOMEM": "accept(2): no socket memory",
        "EPERM": "accept(2): a firewall forbids it",
        "EPROTO": "accept(2), error handling: a pending error of the new socket, and so are these",
        "ENOPROTOOPT": "as EPROTO",
        "ENETDOWN": "as EPROTO",
        "ENETUNREACH": "as EPROTO",
        "EHOSTDOWN": "as EPROTO",
        "EHOSTUNREACH": "as EPROTO",
        "ENONET": "as EPROTO",
        "EOPNOTSUPP": "as EPROTO; a listener of the wrong kind says so too",
    },
    "recv": {
        "EAGAIN": "select(2), bugs: ready, and then it is not",
        "ECONNRESET": "tcp(7): the peer has sent a reset",
        "ECONNREFUSED": "recv(2): a datagram of before was refused",
        **_LINK,
        **_MEMORY,
    },
    "send": {
        "EAGAIN": "send(2): no room",
        "EPIPE": "send(2): the way out is shut",
        "ECONNRESET": "send(2): the peer has sent a reset",
        "EACCES": "send(2): a firewall, or a broadcast address",
        "EPERM": "netfilter drops what is sent",
        **_LINK,
        **_MEMORY,
    },
    "connect": {
        "EINTR": "connect(2): goes on by itself; Python does not wait for non-blocking sockets",
        "ECONNREFUSED": "connect(2): nobody listens there",
        "EAGAIN": "connect(2): the routing cache is full; of Unix sockets, the backlog",
        "EADDRINUSE": "connect(2): the local address is taken",
        "EADDRNOTAVAIL": "connect(2): there is no free port left",
        "EACCES": "connect(2): a firewall, or a broadcast address",
        "EPERM": "connect(2): a firewall",
        "ENOBUFS": "POSIX: no buffer",
        "ECONNRESET": "tcp(7): the peer has sent a reset",
        **_LINK,
    },
    "socket": {
        "EMFILE": "socket(2): the process has no descriptor left",
        "ENFILE": "socket(2): the system has no file left",
        "ENOBUFS": "socket(2): no memory",
        "ENOMEM": "socket(2): no memory",
        "EACCES": "socket(2): not permitted",
        "EAFNOSUPPORT": "socket(2): no such family here",
    },
    "bind": {
        "EADDRINUSE": "bind(2): somebody has it",
        "EADDRNOTAVAIL": "bind(2): no interface has it",
        "EACCES": "bind(2): a port for the superuser",
    },
    "listen": {"EADDRINUSE": "listen(2): somebody else listens there"},
    "setsockopt": {
        "ENOPROTOOPT": "setsockopt(2): this kernel does not know it",
        "EINVAL": "macOS: the connection was reset before we came to it",
        "ENOMEM": "socket(7): no memory for options",
        "ENOBUFS": "POSIX: no memory",
        "EPERM": "socket(7): not permitted, under a seccomp filter for instance",
    },
    "getsockopt": {
        "EINVAL": "macOS: the connection was reset before we came to it",
        "ENOBUFS": "POSIX: no memory",
    },
    "getsockname": {"ENOBUFS": "getsockname(2): no memory"},
    "getpeername": {
        "ENOTCONN": "getpeername(2): the connection was reset before we came to it",
        "ENOBUFS": "getpeername(2): no memory",
    },
    "shutdown": {
        "ENOTCONN": "shutdown(2): both ends have ended it",
        "ENOBUFS": "POSIX: no memory",
    },
    "register": {
        "ENOMEM": "epoll_ctl(2): no memory",
        "ENOSPC": "epoll_ctl(2): the limit of watches of the user",
        "EPERM": "epoll_ctl(2): it cannot be watched",
    },
    "modify": {
        "ENOMEM": "epoll_ctl(2): no memory",
        "ENOENT": "epoll_ctl(2): it is not in there: closed behind our back",
    },
    "unregister": {
        "ENOENT": "epoll_ctl(2): it is not in there: closed behind our back",
        "EBADF": "epoll_ctl(2): likewise",
    },
    "close": {
        "EIO": "close(2)",
        "EINTR": "close(2): the descriptor is free nevertheless",
        "ENOSPC": "close(2)",
        "EDQUOT": "close(2)",
    },
}
