"""A client with many connections, in a process that can be killed: `caller.py PORT COUNT`.

It says something on each, reads one byte of the answer, and prints "connected".
"""

import socket
import sys

HELLO = bytes(1_000)

if __name__ == "__main__":
    port, count = map(int, sys.argv[1:])
    callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for caller in callers:
        caller.sendall(HELLO)
        caller.recv(1)
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    sys.stdin.read()
