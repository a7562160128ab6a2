"""The matrix of channels: every check of the public suite on every channel, without a gap."""

import pytest

from reactor.testing.conformance import CHECKS
from tests.certificates import Certificates
from tests.channels import CHANNELS


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("check", CHECKS)
def test_every_channel_passes_every_check__lw_153(
    check: str, channel: str, certificates: Certificates
) -> None:
    """What is promised of one channel is promised of all: sockets, memory, and TLS over any
    of them.
    """
    CHECKS[check](lambda: CHANNELS[channel](certificates))
