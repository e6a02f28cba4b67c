"""Invented evaluations whose numbers all differ, so that each is recognized where it is shown."""

from __future__ import annotations

from aher_lightning.reports.evaluation.diagnosis import BucketReport, DiagnosisReport, ErrorReport
from aher_lightning.reports.evaluation.protocol import ProtocolReport
from aher_lightning.reports.evaluation.report import EvaluationReport, GroupReport

THRESHOLDS = ("0.50", "0.75", "0.95")
SIZES = ("XS", "S", "M", "L", "XL")


def protocol_report(fingerprint: str = "0123456789ab") -> ProtocolReport:
    """Return a protocol that leaves nothing out."""
    return {
        "name": "plain",
        "subset": "validation",
        "thresholds": [0.5, 0.75, 0.95],
        "recall_thresholds": [0.5 + 0.05 * step for step in range(10)],
        "class_agnostic": False,
        "excluded_categories": [],
        "blocked_videos": 0,
        "fingerprint": fingerprint,
    }


def diagnosis_report(shift: float = 0.0) -> DiagnosisReport:
    """Return a diagnosis; ``shift`` tells it from others. The last bucket of ``count`` is empty."""
    buckets = {
        "length": [f"long {size}" for size in SIZES],
        "coverage": [f"wide {size}" for size in SIZES],
        "count": [f"many {size}" for size in SIZES[:4]],
    }
    sensitivity: dict[str, list[BucketReport]] = {}
    for row, (key, ranges) in enumerate(buckets.items()):
        sensitivity[key] = [
            {
                "name": SIZES[place],
                "range": text,
                "instances": 100 * (row + 1) + 10 * place,
                "mAP_N": 0.0101 * (10 * row + place + 11) + shift,
                "missed": 0.0103 * (10 * row + place + 13) + shift,
            }
            for place, text in enumerate(ranges)
        ]
    sensitivity["count"][-1] |= {"instances": 0, "mAP_N": None, "missed": None}
    types = ("double_detection", "wrong_label", "localization", "confusion", "background")
    return {
        "tIoU": 0.5,
        "mAP_N": 0.2342 + shift,
        "missed": 0.3452 + shift,
        "instances_per_category": 23.75,
        "sensitivity": sensitivity,
        "errors": [error_report(multiple) for multiple in range(1, 11)],
        "gains": {name: 0.0123 * (place + 1) + shift for place, name in enumerate(types)},
    }


def error_report(multiple: int) -> ErrorReport:
    """Return 100 predictions per multiple, of which 40 are true positives."""
    return {
        "multiple": multiple,
        "predictions": 100 * multiple,
        "true_positive": 40,
        "double_detection": 9,
        "wrong_label": 11,
        "localization": 10,
        "confusion": 12,
        "background": 100 * multiple - 82,
    }


def plain_report() -> EvaluationReport:
    """Return scores of three categories and nothing else."""
    means = dict(zip((*THRESHOLDS, "average"), (0.5125, 0.2625, 0.0375, 0.2708), strict=True))
    classes = {
        name: dict(zip((*THRESHOLDS, "average"), (value, value / 2, value / 4, value / 3), strict=True))
        for name, value in (("wave", 0.3), ("jump & run", 0.9), ("<script>alert(1)</script>", 0.6))
    }
    return {
        "mAP": means,
        "videos": 31,
        "instances": 1234,
        "predictions": 56789,
        "unknown_videos": 0,
        "per_class_AP": classes,
    }


def full_report() -> EvaluationReport:
    """Return scores with everything that a report may have."""
    report = plain_report()
    report |= {
        "protocol": protocol_report(),
        "AR@AN": {str(number): 0.2 + number / 200 for number in range(1, 101)},
        "AUC": 0.6511,
        "skipped": {"score is not finite": 7, "unknown label": 1},
        "unknown_videos": 2,
        "per_class_support": {
            name: {"instances": 41 + place, "videos": 17 + place, "predictions": 2005 + place}
            for place, name in enumerate(report["per_class_AP"])
        },
        "diagnosis": diagnosis_report(),
        "groups": {
            "untrimmed": group_report(0.01, "aaaaaaaaaaaa"),
            "<b>moment": group_report(0.02, "bbbbbbbbbbbb"),
            "harmonic_mean": {"mAP": {name: value + 0.03 for name, value in report["mAP"].items()}, "AUC": 0.6333},
        },
    }
    report["protocol"] |= {"excluded_categories": ["Ambiguous"], "blocked_videos": 3}
    return report


def group_report(shift: float, fingerprint: str) -> GroupReport:
    """Return the scores of a group; ``shift`` tells them from others."""
    return {
        "mAP": {name: value + shift for name, value in plain_report()["mAP"].items()},
        "AUC": 0.61 + shift,
        "videos": round(1000 * shift),
        "instances": round(30000 * shift),
        "fingerprint": fingerprint,
        "diagnosis": diagnosis_report(shift),
    }
