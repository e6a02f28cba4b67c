from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.importers.collector import no_video
from aher_lightning.annotations.importers.label_studio import is_label_studio
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import AnnotationError
from tests.helpers.annotation_tools import LABEL_STUDIO, VIA, counts, import_text, segments

TIMELINE: dict[str, Any] = LABEL_STUDIO[0]["annotations"][1]["result"][0]


def task(*results: object, data: object = None, **annotation: object) -> str:
    """A task with one annotation."""
    data = {"video": "v.mp4"} if data is None else data
    return json.dumps([{"id": 5, "data": data, "annotations": [{"result": list(results), **annotation}]}])


def timeline(**value: object) -> dict[str, object]:
    return {**TIMELINE, "value": {**TIMELINE["value"], **value}}


def test_spans_of_timelines_and_of_sound_become_segments(tmp_path: Path) -> None:
    found = import_text(tmp_path, json.dumps(LABEL_STUDIO))
    assert segments(found) == {
        "ls_a": [Instance("wave", 0.2, 0.5)],
        "ls_b": [Instance("clap", 12.5, 28.25), Instance("cheer", 12.5, 28.25)],
    }
    assert [video.duration_sec for video in found.videos] == [60.0, 98.75]
    assert counts(found) == {"cancelled annotations": 1, "other results": 1, "tasks without annotation": 1}
    assert found.tiers == ("actions", "label")


def test_both_ends_of_a_range_of_frames_belong_to_it(tmp_path: Path) -> None:
    ranges = [{"start": 1, "end": 1}, {"start": 0, "end": 24}, {"start": 7, "end": None}]
    found = import_text(tmp_path, task(timeline(ranges=ranges)), fps=24)
    assert segments(found)["v"] == [Instance("wave", 0.0, 1 / 24), Instance("wave", 0.0, 1.0)]
    assert counts(found) == {"without end": 1}


def test_the_frame_rate_is_given_or_stated_and_never_that_of_the_video(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"task '5': result 0: counts frames; give --fps, the frameRate of the"):
        import_text(tmp_path, task(TIMELINE))
    shape = {"type": "videorectangle", "value": {"framesCount": 100, "duration": 5.0, "sequence": []}}
    found = import_text(tmp_path, task(TIMELINE, shape), find_video=no_video)
    assert segments(found)["v"] == [Instance("wave", 0.1, 0.25)]
    assert found.videos[0].duration_sec == 5.0
    data = {"video": "v.mp4", "fps": "4"}
    assert segments(import_text(tmp_path, task(TIMELINE, data=data)))["v"] == [Instance("wave", 0.5, 1.25)]
    assert segments(import_text(tmp_path, task(TIMELINE, data=data), fps=10))["v"] == [Instance("wave", 0.2, 0.5)]


def test_the_annotation_marked_as_ground_truth_counts(tmp_path: Path) -> None:
    text = json.loads(task(TIMELINE))
    text[0]["annotations"].append({"result": [timeline(timelinelabels=["clap"])], "ground_truth": True})
    assert segments(import_text(tmp_path, json.dumps(text), fps=10))["v"] == [Instance("clap", 0.2, 0.5)]
    text[0]["annotations"][0]["ground_truth"] = True
    with pytest.raises(AnnotationError, match="task '5': has 2 annotations; mark one as ground truth"):
        import_text(tmp_path, json.dumps(text), fps=10)


def test_spans_of_text_and_results_without_labels_are_no_segments(tmp_path: Path) -> None:
    text = {"type": "labels", "value": {"start": 3, "end": 8, "text": "words", "labels": ["NAME"]}}
    unlabelled = {"type": "labels", "from_name": "label", "value": {"start": 3, "end": 8}}
    found = import_text(tmp_path, task(text, unlabelled))
    assert segments(found) == {"v": []}
    assert counts(found) == {"other results": 1, "without label": 1}


def test_a_single_task_and_one_with_other_texts_are_read(tmp_path: Path) -> None:
    data = {"title": "a clip", "video": "https://x.org/v.mp4?a=b", "sound": "v.wav"}
    single = json.loads(task(TIMELINE, data=data))[0]
    assert list(segments(import_text(tmp_path, json.dumps(single), fps=10))) == ["v"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (task(TIMELINE, data={"image": "a.jpg"}), "task '5': \"data\" names no media file"),
        (task(TIMELINE, data={"a": "a.mp4", "b": "b.mp4"}), '"data" names several media files'),
        (task(TIMELINE, data=[1]), "task '5': is a JSON array where an object is expected"),
        (task(TIMELINE, data={"video": "v.mp4", "fps": 0}), '"fps" of the data must be positive'),
        (task(3), "task '5': is a JSON number"),
        (task({**TIMELINE, "value": None}), "task '5': is a JSON null"),
        (task(timeline(ranges={})), "result 0: is a JSON object where a list is expected"),
        (task(timeline(ranges=[3])), "result 0: is a JSON number where an object is expected"),
        (task(timeline(ranges=[{"start": -1, "end": 3}])), "result 0: frames must not be negative"),
        (task(timeline(ranges=[{"start": "1", "end": 3}])), "result 0: start must be a number"),
        (task(timeline(ranges=[{"start": 1, "end": float("nan")}])), "result 0: end must be finite"),
        (task(timeline(timelinelabels=[3])), "result 0: label must be a text"),
        (task({"type": "labels", "value": {"start": 1, "labels": ["a"]}}), "result 0: end must be a number"),
        (task({"type": "labels", "original_length": "x", "value": {}}), "task '5': length must be a number"),
        (task(timeline(framesCount=1e308, duration=1e-300)), "frame rate must be finite"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    options = {} if "frame rate" in message or "fps" in message else {"fps": 10}
    with pytest.raises(AnnotationError, match=re.escape(message)):
        import_text(tmp_path, text, **options)


def test_tasks_of_the_same_video_are_refused(tmp_path: Path) -> None:
    twice = copy.deepcopy([LABEL_STUDIO[0], LABEL_STUDIO[0]])
    with pytest.raises(AnnotationError, match="two videos have the id 'ls_a'"):
        import_text(tmp_path, json.dumps(twice))
    with pytest.raises(AnnotationError, match="task '1': is a JSON null"):
        import_text(tmp_path, json.dumps([LABEL_STUDIO[0], None]))


def test_the_keys_tell_the_tool() -> None:
    assert is_label_studio(LABEL_STUDIO)
    assert is_label_studio(LABEL_STUDIO[0])
    assert not any(map(is_label_studio, [[], [[]], VIA, {}, [{"id": 1, "video": "v.mp4", "actions": []}]]))
