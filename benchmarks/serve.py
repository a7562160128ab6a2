"""An echo server to be watched from outside: `python -m benchmarks.serve PEER`.

It prints its port and serves until it is killed. It has one thread, so that whoever counts its
system calls sees no threads waiting for each other.
"""

import sys

from benchmarks.peers.names import make_peer

if __name__ == "__main__":
    peer = make_peer(sys.argv[1])
    print(peer.serve(None), flush=True)
    peer.run()
