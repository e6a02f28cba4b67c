"""Video networks of transformers: VideoMAE, TimeSformer, ViViT and V-JEPA 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, Protocol, cast

from torch import Tensor

from aher_lightning.errors import CheckpointError, ConfigError, import_extra
from aher_lightning.models.backbones.own_weights import may_download
from aher_lightning.models.backbones.pretrained_backbone import PRETRAINED, PretrainedBackbone
from aher_lightning.structures import IMAGENET_MEAN, IMAGENET_STD, InputSpec

ConfigValue = bool | int | float | str | list[int] | list[float] | None
"""A plain value of a network's configuration."""


class VideoFamily(NamedTuple):
    """How the networks of one type are used.

    Attributes:
        pixels: Name of the argument for clips.
        pools_first: Whether its first token stands for the clip, instead of the mean of all.
        frames: Name of the number of frames in its configuration.
        size: Name of the side of its pictures.
        mean: Normalization of its published weights.
        std: Likewise.
        options: Further arguments of its constructor.
    """

    pixels: str
    pools_first: bool
    frames: str
    size: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    options: Mapping[str, bool]


VIDEO_FAMILIES: Mapping[str, VideoFamily] = {
    "videomae": VideoFamily("pixel_values", False, "num_frames", "image_size", IMAGENET_MEAN, IMAGENET_STD, {}),
    "timesformer": VideoFamily("pixel_values", True, "num_frames", "image_size", (0.45,) * 3, (0.225,) * 3, {}),
    # Published weights have no pooling layer, so that one would stay random.
    "vivit": VideoFamily(
        "pixel_values", True, "num_frames", "image_size", (0.5,) * 3, (0.5,) * 3, {"add_pooling_layer": False}
    ),
    "vjepa2": VideoFamily(
        "pixel_values_videos", False, "frames_per_clip", "crop_size", IMAGENET_MEAN, IMAGENET_STD, {}
    ),
}
"""Types of networks that are supported."""

_NOT_OF_THE_NETWORK = ("_name_or_path", "transformers_version", "architectures", "auto_map", "dtype", "torch_dtype")
"""Entries of a configuration that do not describe the network."""


class _Configuration(Protocol):
    """The part of a configuration of transformers that every network has."""

    model_type: str
    hidden_size: int

    def to_diff_dict(self) -> dict[str, object]:
        """Return the entries that differ from the defaults of transformers."""
        ...


class HuggingFaceBackbone(PretrainedBackbone):
    """A video network of transformers, up to its last hidden states, which are pooled.

    No code of a hub is ever run. A checkpoint holds the configuration, so that it is rebuilt without asking a hub.

    Args:
        name: Name on the hub, such as ``MCG-NJU/videomae-base``, or a folder of ``save_pretrained``.
        weights: "pretrained" for those of the name, a folder or file of others, or ``None`` for random ones.
        revision: Branch, tag or commit on the hub.
        config: Configuration of the network, with its ``model_type``, in place of that of the name.
        weights_sha256: See :class:`PretrainedBackbone`, as for the rest.
        frozen: Whether the weights never change.
        clips_per_chunk: Clips that run through the network at once.

    Raises:
        CheckpointError: If the configuration cannot be fetched.
        ConfigError: If transformers is missing, or the network is of another type than :data:`VIDEO_FAMILIES`.
    """

    # The weights identify the network, wherever it came from.
    neutral_options = PretrainedBackbone.neutral_options | {"name", "revision", "config"}

    def __init__(
        self,
        name: str,
        *,
        weights: str | None = PRETRAINED,
        revision: str | None = None,
        config: dict[str, ConfigValue] | None = None,
        weights_sha256: str | None = None,
        frozen: bool = True,
        clips_per_chunk: int = 4,
    ) -> None:
        super().__init__(weights=weights, weights_sha256=weights_sha256, frozen=frozen, clips_per_chunk=clips_per_chunk)
        self.name = name
        self.revision = revision
        library = self._library()
        self._config = self._fetch_config() if config is None else _make_config(library, dict(config))
        kind = str(self._config.model_type)
        if kind not in VIDEO_FAMILIES:
            known = ", ".join(VIDEO_FAMILIES)
            raise ConfigError(f"HuggingFaceBackbone: '{name}' is a {kind:.40}; networks of these types work: {known}")
        self.family = VIDEO_FAMILIES[kind]
        self.network = library.AutoModel.from_config(self._config, **self.family.options)
        self.out_channels = int(self._config.hidden_size)
        self.freeze()

    @property
    def input_spec(self) -> InputSpec:
        """Frames and size of the configuration, normalization of the type."""
        size = getattr(self._config, self.family.size)
        return InputSpec(
            frames=int(getattr(self._config, self.family.frames)),
            size=int(size[-1] if isinstance(size, (list, tuple)) else size),
            mean=self.family.mean,
            std=self.family.std,
            resize=int(size[-1] if isinstance(size, (list, tuple)) else size),
        )

    def stored_options(self) -> dict[str, object]:
        """Return the configuration, and names without places on this machine; see :meth:`Backbone.stored_options`."""
        is_folder = Path(self.name).exists()
        name = Path(self.name).resolve().name.replace(".", "-") if is_folder else self.name
        lost = {"weights": None} if is_folder else super().stored_options()
        return {"name": name, "config": _plain_config(self._config.to_diff_dict()), **lost}

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        """Return the weights of a hub, its cache or a folder; see :meth:`PretrainedBackbone.fetch_weights`."""
        place = self.name if name == PRETRAINED else name
        library = self._library()
        library.utils.logging.disable_progress_bar()
        try:
            found, report = library.AutoModel.from_pretrained(
                place,
                config=self._config,
                revision=self.revision or "main",
                trust_remote_code=False,
                local_files_only=not may_download(),
                output_loading_info=True,
                **self.family.options,
            )
        except (OSError, ValueError, RuntimeError) as failure:
            raise self._cannot_fetch("weights", failure) from failure
        if missing := sorted(report["missing_keys"]):  # transformers would leave them random
            raise CheckpointError(
                f"HuggingFaceBackbone: the weights of '{place}' lack {len(missing)} tensors of the network, first "
                f"'{missing[0]}'; give those of this network"
            )
        return cast("Mapping[str, Tensor]", found.state_dict())

    @property
    def fetchable_sha256(self) -> str:
        """Fingerprint of the weights, if the network is frozen and they are on a hub."""
        return "" if Path(self.name).exists() or self.weights != PRETRAINED else super().fetchable_sha256

    def has_weights(self, name: str) -> bool:
        """Return whether transformers finds weights under this name: that of the network, or a folder."""
        return name == PRETRAINED or Path(name).is_dir()

    def encode(self, clips: Tensor) -> Tensor:
        """Return the pooled hidden states of a few clips; see :meth:`PretrainedBackbone.encode`."""
        options = {"skip_predictor": True} if self.family.pixels == "pixel_values_videos" else {}
        given = {self.family.pixels: clips.transpose(1, 2)}  # (N, F, 3, H, W)
        states = cast("Tensor", self.network(**given, **options).last_hidden_state)  # (N, tokens, C)
        return states[:, 0] if self.family.pools_first else states.mean(dim=1)

    def _library(self) -> ModuleType:
        return import_extra("transformers", "transformers", type(self).__name__)

    def _fetch_config(self) -> _Configuration:
        """The configuration of the name, from a folder, the cache or the hub."""
        if not may_download() and not Path(self.name).is_dir():
            raise CheckpointError(
                f"HuggingFaceBackbone: the configuration of '{self.name}' is not in the checkpoint, and nothing is "
                "downloaded to rebuild one; save the checkpoint again, or give 'config'"
            )
        try:
            found = self._library().AutoConfig.from_pretrained(
                self.name,
                revision=self.revision or "main",
                trust_remote_code=False,
                local_files_only=not may_download(),
            )
        except (OSError, ValueError, RuntimeError) as failure:
            raise self._cannot_fetch("configuration", failure) from failure
        return cast("_Configuration", found)

    def _cannot_fetch(self, what: str, failure: Exception) -> CheckpointError:
        """The line about something that no hub, cache or folder has given."""
        reason = " ".join(str(failure).split())
        return CheckpointError(
            f"HuggingFaceBackbone: cannot read the {what} of '{self.name}' ({reason:.120}); without a network, fetch "
            "config.json and model.safetensors of this model elsewhere and give their folder as 'name'"
        )


def _make_config(library: ModuleType, values: dict[str, ConfigValue]) -> _Configuration:
    """A configuration of plain values, with nothing from anywhere else."""
    kind = values.pop("model_type", None)
    if kind not in VIDEO_FAMILIES:
        raise ConfigError(f"HuggingFaceBackbone: 'config' needs a model_type among {', '.join(VIDEO_FAMILIES)}")
    return cast("_Configuration", library.AutoConfig.for_model(kind, **values))


def _plain_config(values: Mapping[str, object]) -> dict[str, ConfigValue]:
    """The plain entries of a configuration that describe the network; names of categories do not."""
    kept = {name: value for name, value in values.items() if name not in _NOT_OF_THE_NETWORK}
    return {name: cast("ConfigValue", value) for name, value in kept.items() if not isinstance(value, Mapping)}
