"""Networks in plain torch, pluggable through the bases in models.base."""

from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.backbones.efficientnet import EfficientNetBackbone
from aher_lightning.models.backbones.huggingface_backbone import HuggingFaceBackbone
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.backbones.precomputed import PrecomputedFeatures
from aher_lightning.models.backbones.timm_backbone import TimmBackbone
from aher_lightning.models.backbones.torchvision_backbone import TorchvisionBackbone
from aher_lightning.models.discriminator import ConvDiscriminator
from aher_lightning.models.generated_contexts import ConvContextGenerator, GeneratedContexts
from aher_lightning.models.mixed_contexts import MixedContexts
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.pyramid import TemporalPyramid
from aher_lightning.models.score_fusion import ProductFusion, QualityFusion, VideoCategoryFusion, VideoCategoryPrior
from aher_lightning.models.suppression import HardNMS, SegmentVoting, SoftNMS
from aher_lightning.models.transfer import MLPTransfer

__all__ = [
    "P3D",
    "AherNet",
    "AnchorHead",
    "ConvContextGenerator",
    "ConvDiscriminator",
    "DetectionDecoder",
    "EfficientNetBackbone",
    "GeneratedContexts",
    "HardNMS",
    "HuggingFaceBackbone",
    "MLPTransfer",
    "MixedContexts",
    "P3DSmall",
    "PastedContexts",
    "PrecomputedFeatures",
    "ProductFusion",
    "QualityFusion",
    "SegmentVoting",
    "SoftNMS",
    "TemporalPyramid",
    "TimmBackbone",
    "TorchvisionBackbone",
    "VideoCategoryFusion",
    "VideoCategoryPrior",
]
