"""Networks in plain torch, pluggable through the bases in models.base."""

from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.context import ConvContextGenerator, MomentSplicer
from aher_lightning.models.discriminator import ConvDiscriminator
from aher_lightning.models.postprocess import DetectionDecoder, HardNMS, ProductFusion
from aher_lightning.models.transfer import MLPTransfer

__all__ = [
    "P3D",
    "AherNet",
    "ConvContextGenerator",
    "ConvDiscriminator",
    "DetectionDecoder",
    "HardNMS",
    "MLPTransfer",
    "MomentSplicer",
    "P3DSmall",
    "ProductFusion",
]
