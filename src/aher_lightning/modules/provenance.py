"""What a backbone adds to a temporal contract, and whether a contract is of a backbone."""

from __future__ import annotations

from dataclasses import fields, replace

from aher_lightning.errors import ContractError
from aher_lightning.models.backbones.precomputed import PrecomputedFeatures
from aher_lightning.models.backbones.wanted_clips import check_clips
from aher_lightning.models.base import Backbone
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.video.contract import TemporalContract


def made_by(contract: TemporalContract, backbone: Backbone) -> TemporalContract:
    """Return the contract of features that a backbone computes: with its name, options and weights.

    Precomputed features keep theirs.
    """
    if isinstance(backbone, PrecomputedFeatures):
        return contract
    return replace(
        contract,
        backbone=type(backbone).__name__,
        backbone_options=backbone.feature_options,
        weights_sha256=fingerprint(backbone),
    )


def check_backbone(contract: TemporalContract, backbone: Backbone) -> None:
    """Refuse features of other weights or options than a backbone has, and clips that it does not take.

    Features whose contract does not say what made them are trusted.

    Args:
        contract: Of the data.
        backbone: Of the module.

    Raises:
        ContractError: Names the difference.
    """
    if isinstance(backbone, PrecomputedFeatures):
        return
    if contract.weights_sha256 and contract.weights_sha256 != fingerprint(backbone):
        raise ContractError(
            "weights_sha256: the features were extracted by other backbone weights than this module carries; "
            "extract them again, or put the checkpoint they came from into 'initial_weights'"
        )
    check_options(contract, backbone, ("in the features", "in the module"))
    if backbone.input_spec is not None:
        check_clips(contract.to_dict(), backbone.input_spec, type(backbone).__name__)


def check_maker(stored: TemporalContract, data: TemporalContract, backbone: Backbone) -> None:
    """Refuse to go on with other features than those of a checkpoint: of other options, or of other weights of others.

    Args:
        stored: Contract of the checkpoint.
        data: Contract of the data.
        backbone: Of the module; its weights come from the checkpoint.

    Raises:
        ContractError: Names the difference.
    """
    if not isinstance(backbone, PrecomputedFeatures):
        check_options(stored, backbone, ("in the checkpoint", "in the configuration"))
    elif stored.weights_sha256 and data.weights_sha256:
        stored.check_compatible(
            data,
            ignore={one.name for one in fields(stored)} - {"backbone", "backbone_options", "weights_sha256"},
            where=("in the checkpoint", "in the data"),
            remedy="use the features that the checkpoint was trained on",
        )


def check_options(contract: TemporalContract, backbone: Backbone, where: tuple[str, str]) -> None:
    """Refuse a backbone with other options than those of a contract, unless the contract does not know them.

    Options of another class have another meaning, and its weights differ.

    Args:
        contract: Of features or of a checkpoint.
        backbone: Of the module.
        where: What the contract is of, and where the backbone is.

    Raises:
        ContractError: Names both options.
    """
    known, own, name = contract.backbone_options, backbone.feature_options, type(backbone).__name__
    if known and known != own and contract.backbone == name:
        raise ContractError(
            f"backbone_options: {name} has {known} {where[0]} and {own} {where[1]}; "
            "use the options of the features, or extract again"
        )
