"""A phase: one sub-step of an iteration, with losses, parameters and optimizers of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.losses.adversarial import discriminator_accuracy, discriminator_loss
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.feature_bank import FeatureBank
from aher_lightning.modules.iteration_data import IterationData


class Phase(ABC):
    """One sub-step of an iteration.

    Args:
        groups: Parameter groups that this phase changes, see ``AherNet.parameter_group``; "backbone" too.
        optimizer: Makes the optimizer from the parameters of ``groups``; the module's if not given.
        scheduler: Makes the learning-rate schedule, stepped once per iteration; the module's if not given.
        clip_norm: Largest gradient norm; 0 disables clipping.
        enabled: Whether the phase runs at all.
        steps: How often it runs in an iteration.
        optimizer_per_loss: Give each loss an optimizer of its own over the same parameters, as the authors'
            code does for classification and proposal loss.
        in_turn: Take the step of each loss before the next one is computed, as the authors' code does for
            moments and foregrounds; else all gradients are taken before the first step. Needs
            ``optimizer_per_loss``.

    Raises:
        ConfigError: If there is not at least one step, or losses without optimizers of their own are to take turns.

    Attributes:
        name: Key of the phase in logs.
        observed: Further scalars to log of the last step, by name; empty for most phases.
        feature_bank: What the checkpoint keeps of the data seen last; most phases have none.
    """

    name: str
    feature_bank: FeatureBank | None = None

    def __init__(
        self,
        *,
        groups: Sequence[str],
        optimizer: OptimizerCallable | None = None,
        scheduler: LRSchedulerCallable | None = None,
        clip_norm: float = 0.0,
        enabled: bool = True,
        steps: int = 1,
        optimizer_per_loss: bool = False,
        in_turn: bool = False,
    ) -> None:
        if steps < 1:
            raise ConfigError(f"phase '{self.name}': 'steps' is {steps}; give 1 or more, or set 'enabled: false'")
        if in_turn and not optimizer_per_loss:
            raise ConfigError(
                f"phase '{self.name}': 'in_turn' needs an optimizer per loss; set 'optimizer_per_loss: true'"
            )
        self.observed: dict[str, Tensor] = {}
        self.groups = tuple(groups)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.clip_norm = clip_norm
        self.enabled = enabled
        self.steps = steps
        self.optimizer_per_loss = optimizer_per_loss
        self.in_turn = in_turn

    @property
    @abstractmethod
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses, in the order of :meth:`losses`."""

    @abstractmethod
    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Return the weighted losses whose sum this phase minimizes.

        Args:
            network: The network.
            loss: Classification loss of cells, shared by the phases.
            data: Features and labels of the iteration.

        Returns:
            Scalars by name.

        Raises:
            ConfigError: If the data lacks the part that this phase works on.
        """

    def single_loss(self, name: str, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> Tensor:
        """Return one of the weighted losses, for phases whose losses take turns.

        Args:
            name: One of :attr:`loss_names`.
            network: The network.
            loss: Classification loss of cells, shared by the phases.
            data: Features and labels of the iteration.

        Returns:
            Scalar.
        """
        return self.losses(network, loss, data)[name]

    def check(self, network: AherNet) -> None:  # noqa: B027 - most phases train any network
        """Refuse a network that this phase cannot train.

        Args:
            network: The network.

        Raises:
            ConfigError: If it lacks something that the phase needs.
        """


class AdversarialPhase(Phase):
    """A phase with an adversarial loss, for which the network needs discriminators.

    Args:
        adversarial_weight: Weight of that loss (Eq. 8); 0 leaves it out.
        **options: See :class:`Phase`.
    """

    def __init__(self, *, adversarial_weight: float = 0.1, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.adversarial_weight = adversarial_weight

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor, mask: Tensor) -> Tensor:
        """Return the weighted loss of the discriminators, and note how often they are right.

        Args:
            real_logits: "This is real" for the predictions of untrimmed videos, shape ``(B, A)``.
            fake_logits: The same for synthetic moments, shape ``(B, A)``.
            mask: Which predictions are background in both, bool ``(B, A)``.

        Returns:
            Scalar.
        """
        accuracy = discriminator_accuracy(real_logits, fake_logits, mask)
        self.observed = {f"discriminator_accuracy_{name}": value for name, value in accuracy._asdict().items()}
        return self.adversarial_weight * discriminator_loss(real_logits, fake_logits, mask)

    def check(self, network: AherNet) -> None:
        """Refuse an adversarial loss of a network without discriminators.

        Args:
            network: The network.

        Raises:
            ConfigError: If the weight is not 0 and the network has no discriminator.
        """
        if self.adversarial_weight and len(network.discriminators) == 0:
            raise ConfigError(
                f"phase '{self.name}' has an adversarial loss (adversarial_weight {self.adversarial_weight:g}), but "
                "the network has no discriminator: give 'network.discriminator', or set 'adversarial_weight: 0'"
            )
