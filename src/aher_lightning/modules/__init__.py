"""LightningModules: optimization, logging and evaluation of the networks."""

from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.proposal_classifier import ProposalClassifierModule
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule

__all__ = ["AherModule", "LocalizerModule", "ProposalClassifierModule", "SnippetClassifierModule"]
