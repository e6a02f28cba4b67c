"""Any image network of timm over the frames of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, cast

from torch import Tensor

from aher_lightning.errors import CheckpointError, ConfigError, import_extra
from aher_lightning.models.backbones.frame_backbone import FrameBackbone
from aher_lightning.structures import InputSpec


class TimmBackbone(FrameBackbone):
    """An image network of timm over the frames of a clip, pooled over time.

    Args:
        name: Its name in timm, with the tag of its weights, such as ``resnet50.a1_in1k``.
        **options: See :class:`FrameBackbone`; ``weights`` is "pretrained", a file, or ``None`` for random ones.

    Raises:
        ConfigError: If timm is missing, or does not have the network.
    """

    def __init__(
        self,
        name: str,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**options)
        self.name = name
        if ":" in name or "/" in name:  # timm would ask a hub for the network itself
            raise ConfigError(f"TimmBackbone: '{name:.80}' is no name of timm's own; list them with timm.list_models()")
        try:
            network = self._timm().create_model(name, pretrained=False, num_classes=0)
        except (RuntimeError, ValueError) as failure:
            reason = " ".join(str(failure).split())
            raise ConfigError(
                f"TimmBackbone: timm has no network '{name:.80}' ({reason:.120}); list them with timm.list_models()"
            ) from failure
        self.network = network
        self._settings: Mapping[str, object] = dict(network.pretrained_cfg)
        self.out_channels = len(self.pools) * int(network.num_features)
        self.freeze()

    @property
    def input_spec(self) -> InputSpec:
        """Size and normalization of the network's pictures; clips of any length."""
        size = cast("Sequence[int]", self._settings["input_size"])[-1]
        shown = cast("float", self._settings.get("crop_pct") or 1.0)
        mean, std = (tuple(map(float, cast("Sequence[float]", self._settings[name]))) for name in ("mean", "std"))
        return InputSpec(
            size=size,
            mean=cast("tuple[float, float, float]", mean),
            std=cast("tuple[float, float, float]", std),
            resize=round(size / shown),
        )

    @property
    def fetchable_sha256(self) -> str:
        """None: timm cannot be asked for weights without downloading them where they are missing."""
        return ""

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:  # noqa: ARG002 - they belong to the network's name
        """Return the weights of timm's hub or cache; see :meth:`PretrainedBackbone.fetch_weights`."""
        try:
            found = self._timm().create_model(self.name, pretrained=True, num_classes=0)
        except Exception as failure:  # several libraries fetch, each with errors of its own
            reason = " ".join(str(failure).split())
            raise CheckpointError(
                f"TimmBackbone: cannot fetch the weights of '{self.name}' ({type(failure).__name__}: {reason:.120}); "
                "without a network, fetch the model.safetensors of this model elsewhere and give its place as 'weights'"
            ) from failure
        return cast("Mapping[str, Tensor]", found.state_dict())

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Return the pooled features of pictures; see :meth:`FrameBackbone.encode_frames`."""
        return cast("Tensor", self.network(frames))

    def _timm(self) -> ModuleType:
        return import_extra("timm", "timm", type(self).__name__)
