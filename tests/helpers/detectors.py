"""One of every detector, untrained, with seeded weights."""

from __future__ import annotations

from collections.abc import Callable

import torch

from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.proposal_classifier import ProposalClassifierModule, ProposalSource
from tests.helpers.toy import CATEGORIES, MeanBackbone, toy_network
from tests.helpers.training import toy_classifier, toy_localizer


def aher() -> AherModule:
    torch.manual_seed(0)
    return AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network)


def judge(proposals: ProposalSource) -> ProposalClassifierModule:
    torch.manual_seed(0)
    return ProposalClassifierModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, proposals=proposals)


DETECTORS: dict[str, Callable[[], BaseModule]] = {
    "AherModule": aher,
    "LocalizerModule": toy_localizer,
    "SnippetClassifierModule": lambda: toy_classifier(thresholds=(0.1, 0.3)),
    "ProposalClassifierModule of the network": lambda: judge("network"),
    "ProposalClassifierModule at random": lambda: judge("random"),
}
