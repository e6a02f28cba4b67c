from __future__ import annotations

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.modules.phase import require_discriminators
from tests.helpers.toy import toy_network


def test_only_an_adversarial_loss_needs_discriminators() -> None:
    network = toy_network(discriminator=None)
    assert len(network.discriminators) == 0
    require_discriminators("generator", 0.0, network)
    require_discriminators("generator", 0.1, toy_network())
    with pytest.raises(ConfigError, match=r"phase 'generator' .*adversarial_weight 0\.1.*has no discriminator"):
        require_discriminators("generator", 0.1, network)
