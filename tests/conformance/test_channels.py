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
    """A channel is a channel: what is promised of one is promised of all."""
    CHECKS[check](lambda: CHANNELS[channel](certificates))
