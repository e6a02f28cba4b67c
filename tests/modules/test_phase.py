from __future__ import annotations

from collections.abc import Callable

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.modules.phase import AdversarialPhase
from aher_lightning.modules.phases import DetectorPhase, DiscriminatorPhase, GeneratorAdversarialPhase, GeneratorPhase
from tests.helpers.toy import toy_network


@pytest.mark.parametrize("make_phase", [GeneratorPhase, DiscriminatorPhase, GeneratorAdversarialPhase, DetectorPhase])
def test_only_an_adversarial_loss_needs_discriminators(make_phase: Callable[..., AdversarialPhase]) -> None:
    network, phase = toy_network(discriminator=None), make_phase(adversarial_weight=0.1)
    assert len(network.discriminators) == 0
    make_phase(adversarial_weight=0.0).check(network)
    phase.check(toy_network())
    expected = rf"phase '{phase.name}' has an adversarial loss \(adversarial_weight 0\.1\), but .* has no discriminator"
    with pytest.raises(ConfigError, match=expected):
        phase.check(network)
