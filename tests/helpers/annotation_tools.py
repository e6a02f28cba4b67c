"""Small files of the annotation tools, written by hand after the documents that describe their formats."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from aher_lightning.annotations.importers.collector import ImportedFile, ImportOptions
from aher_lightning.annotations.importers.tool_files import ToolName, read_tool_file
from aher_lightning.annotations.records import Instance
from aher_lightning.video.reader import VideoInfo

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/takes/e1.wav" MIME_TYPE="audio/x-wav" RELATIVE_MEDIA_URL="./e1.wav"/>
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/takes/kitchen%201.mp4" MIME_TYPE="video/mp4"/>
    <PROPERTY NAME="lastUsedAnnotationId">5</PROPERTY>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1500"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="4000"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="9250"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="action">
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
        <ANNOTATION_VALUE>cut  bread</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4">
        <ANNOTATION_VALUE></ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
        <ANNOTATION_VALUE>stir</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="speech">
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4">
        <ANNOTATION_VALUE>hello</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="note" PARENT_REF="action" TIER_ID="note">
    <ANNOTATION>
      <REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1">
        <ANNOTATION_VALUE>with a knife</ANNOTATION_VALUE>
      </REF_ANNOTATION>
    </ANNOTATION>
  </TIER>
  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""

VIA: dict[str, Any] = {
    "project": {
        "pid": "__VIA_PROJECT_ID__",
        "pname": "kitchen",
        "data_format_version": "3.1.1",
        "vid_list": ["1", "2"],
    },
    "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}},
    "attribute": {
        "1": {"aname": "action", "anchor_id": "FILE1_Z2_XY0", "type": 1, "desc": "", "options": {}},
        "2": {"aname": "hand", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"0": "left", "1": "right"}},
        "3": {"aname": "food", "anchor_id": "FILE1_Z2_XY0", "type": 2, "options": {"0": "egg", "1": "bread"}},
        "4": {"aname": "object", "anchor_id": "FILE1_Z1_XY1", "type": 1, "options": {}},
    },
    "file": {
        "1": {"fid": "1", "fname": "via_a.mp4", "type": 4, "loc": 1, "src": ""},
        "2": {"fid": "2", "fname": "", "type": 4, "loc": 2, "src": "https://example.org/v/via_b.webm?x=1"},
        "3": {"fid": "3", "fname": "via_c.mp4", "type": 4, "loc": 1, "src": ""},
    },
    "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": [2]}, "3": {"fid_list": ["3"]}},
    "metadata": {
        "1_a": {"vid": "1", "flg": 0, "z": [2, 6.5], "xy": [], "av": {"1": "break egg"}},
        "1_b": {"vid": "1", "flg": 0, "z": [9.25, 20], "xy": [], "av": {"2": "1"}},
        "1_c": {"vid": "1", "flg": 0, "z": [0.917], "xy": [2, 10, 20, 30, 40], "av": {"4": "egg"}},
        "1_d": {"vid": "1", "flg": 1, "z": [1, 2], "xy": [], "av": {"1": "deleted"}},
        "1_e": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {}},
        "1_f": {"vid": "1", "flg": 0, "z": [3, 4], "xy": [], "av": {}},
        "2_a": {"vid": "2", "flg": 0, "z": [8, 23], "xy": [], "av": {"3": "0,1"}},
    },
}

_META = """<meta><task><id>7</id><name>kitchen</name><size>100</size><mode>interpolation</mode><overlap>5</overlap>
<start_frame>0</start_frame><stop_frame>99</stop_frame><frame_filter>{filter}</frame_filter>
<labels><label><name>pour</name><attributes></attributes></label></labels>
</task><dumped>2024-05-01 10:00:00+00:00</dumped><source>cvat_a.mp4</source></meta>"""


def cvat(content: str, frame_filter: str = "") -> str:
    """Return a CVAT export of one task of 100 frames."""
    meta = _META.format(filter=frame_filter)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{content}</annotations>'


def box(frame: int, outside: int) -> str:
    """Return a box of a track."""
    numbers = 'xtl="1.00" ytl="2.00" xbr="3.00" ybr="4.00" z_order="0"'
    return f'<box frame="{frame}" keyframe="1" outside="{outside}" occluded="0" {numbers}></box>'


CVAT = cvat(
    f'<track id="0" label="pour" source="manual">{box(10, 0)}{box(20, 0)}{box(30, 1)}{box(50, 0)}{box(99, 0)}</track>'
)

LABEL_STUDIO: list[dict[str, Any]] = [
    {
        "id": 1,
        "data": {"video": "/data/upload/3/0d93a737-ls_a.mp4", "fps": 10},
        "annotations": [
            {"id": 1, "was_cancelled": True, "result": [{"type": "nonsense"}]},
            {
                "id": 2,
                "was_cancelled": False,
                "result": [
                    {
                        "id": "x",
                        "type": "timelinelabels",
                        "from_name": "actions",
                        "to_name": "video",
                        "value": {"ranges": [{"start": 3, "end": 5}], "timelinelabels": ["wave"]},
                    },
                    {"type": "choices", "from_name": "genre", "to_name": "video", "value": {"choices": ["fun"]}},
                ],
            },
        ],
        "predictions": [],
    },
    {
        "id": 2,
        "data": {"audio": "/data/local-files/?d=takes/ls_b.mp4"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "audio",
                        "original_length": 98.75,
                        "value": {"start": 12.5, "end": 28.25, "channel": 0, "labels": ["clap", "cheer"]},
                    }
                ]
            }
        ],
    },
    {"id": 3, "data": {"video": "s3://takes/ls_c.mp4"}, "annotations": []},
]

TEXTS: dict[ToolName, str] = {
    "elan": ELAN,
    "via": json.dumps(VIA),
    "cvat": CVAT,
    "label-studio": json.dumps(LABEL_STUDIO),
}
"""A valid file of each tool."""


def video_info(duration_sec: float = 60.0, fps: float = 25.0, *, has_constant_rate: bool = True) -> VideoInfo:
    """Return facts about a video that does not exist."""
    count = round(duration_sec * fps)
    return VideoInfo(Path("v.mp4"), duration_sec, 64, 48, fps, count, "h264", 0, "mov", "yuv420p", has_constant_rate, 0)


def some_video(video_id: str) -> VideoInfo | None:
    """Return facts about a video of a minute, whatever its id."""
    return video_info() if video_id else None


def import_text(folder: Path, text: str, **options: Any) -> ImportedFile:
    """Read a file of that content, with a video of a minute for every id unless told otherwise."""
    path = folder / "annotated"
    path.write_text(text, encoding="utf-8")
    return read_tool_file(path, "auto", ImportOptions(**{"find_video": some_video, **options}))


def segments(found: ImportedFile) -> dict[str, list[Instance]]:
    """Return the instances by video."""
    return {video.video_id: list(video.instances) for video in found.videos}


def counts(found: ImportedFile) -> Counter[str]:
    """Return what was left out."""
    return Counter(found.left_out)
