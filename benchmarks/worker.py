"""The measured process: `python -m benchmarks.worker WORK PEER [--quick]`; prints one JSON line."""

import json
import sys

from benchmarks import catalogue
from benchmarks.work import NotInstalledError


def main(key: str, peer: str, *, quick: bool) -> None:
    """Measure one figure once; print it, or why this peer has none here."""
    work = next(work for work in catalogue.WORKS if work.key == key)
    try:
        answer = {"figures" if work.columns else "cost": work.measure(peer, quick)}
    except NotInstalledError as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], quick="--quick" in sys.argv)
