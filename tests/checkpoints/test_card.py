from __future__ import annotations

from typing import Any

import yaml

from aher_lightning.checkpoints.card import model_card

STATE: dict[str, Any] = {
    "categories": {"untrimmed": ["jump"], "moment": ["clap", "<script>x</script>", "bow"]},
    "added": [{"name": "bow", "clips": 5, "version": "0.1.0"}],
    "contract": {"fps": 10.0, "mean": [0.5, 0.5, 0.5]},
    "iteration": 300,
    "window_sec": None,
    "version": "0.1.0",
}


def test_machines_find_the_library_and_the_task() -> None:
    head = yaml.safe_load(model_card(STATE, "mine").split("---")[1])
    assert head["library_name"] == "aher_lightning"
    assert "temporal-action-localization" in head["tags"]


def test_people_find_every_category_and_where_it_comes_from() -> None:
    text = model_card(STATE, "mine")
    annotated, clips, added = (
        text.index(title) for title in ("Annotated in long", "Learnt from trimmed clips", "Added after training")
    )
    assert annotated < text.index("- jump") < clips < text.index("- clap") < added < text.index("- bow")
    assert "| iterations | 300 |" in text
    assert "| fps | 10.0 |" in text
    assert "window of long videos" not in text
    without = model_card(STATE | {"added": [], "contract": None}, "mine")
    assert "Added after training" not in without
    assert "- bow" in without


def test_names_are_no_markup() -> None:
    crafted = {"untrimmed": ["a\n---\n# b", "[x](javascript:y)"], "moment": ["**c**"]}
    text = model_card(STATE | {"categories": crafted, "added": []}, "<b>|mine")
    assert "<script" not in text
    assert "<b>" not in text
    assert text.count("\n---\n") == 1
    assert "\\[x\\](javascript:y)" in text
    assert "\\*\\*c\\*\\*" in text
    assert "# &lt;b&gt;\\|mine" in text


def test_it_says_where_the_model_is_what_it_scored_and_what_it_cannot() -> None:
    text = model_card(STATE, "mine", place="hf://ann/mine", scores={"test/mAP@0.50": 0.51236, "test/AUC": None})
    assert 'from_pretrained("hf://ann/mine")' in text
    assert "--checkpoint hf://ann/mine`" in text
    assert "| test/mAP@0.50 | 0.5124 |" in text
    assert "| test/AUC | undefined |" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Categories",
        "## Data",
        "## Facts",
        "## Scores",
        "## Limits",
    ]
    without = model_card(STATE, "mine")
    assert 'from_pretrained("FOLDER")' in without
    assert "None were given when this folder was made." in without
