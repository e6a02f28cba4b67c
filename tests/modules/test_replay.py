from __future__ import annotations

import torch

from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.nan_guard import Incident
from aher_lightning.modules.replay import replay_losses
from aher_lightning.structures import SnippetSequences
from tests.helpers.toy import CATEGORIES, CHANNELS, MeanBackbone, toy_loss, toy_network
from tests.helpers.training import moment_batch


def snippets() -> SnippetSequences:
    values = torch.rand(6, CHANNELS, generator=torch.Generator().manual_seed(0))
    return SnippetSequences(values, torch.tensor([3, 3]), torch.full((2,), 1 / 6), torch.full((2,), 1 / 3))


def test_a_step_gives_the_same_losses_every_time() -> None:
    torch.manual_seed(0)
    module = AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss())
    state = {key: value.clone() for key, value in module.state_dict().items()}
    batch = {"foreground": moment_batch(snippets(), [0, 1], 7), "moments": moment_batch(snippets(), [2, 0], 7)}
    incident = Incident("recognition", 7, {"foreground_cls": 0.0, "moment_cls": 0.0}, batch, state)
    once = replay_losses(module, incident)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1.0)
    assert replay_losses(module, incident) == once
    assert module.iteration == 7
    assert once.keys() <= {"foreground_cls", "moment_cls"}
    assert once
