from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

import pytest
from jinja2 import UndefinedError

from aher_lightning.reports.page_template import render_template

VALUES: dict[str, object] = {
    "title": "<b>",
    "counts": "",
    "file_name": "v.mp4",
    "url": "v.mp4",
    "duration": 1.0,
    "sections": [],
    "data": {},
}


def policy(page: str) -> dict[str, str]:
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    return dict(rule.strip().split(" ", 1) for rule in unescape(found[1]).split(";"))


def test_style_and_script_are_inside_and_the_only_ones_allowed() -> None:
    page = render_template("video_page", VALUES, allowed="media-src 'self'")
    rules = policy(page)
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    assert rules.pop("media-src") == "'self'"
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert rules == {}
    assert "media-src" not in policy(render_template("video_page", VALUES))


def test_values_are_escaped_and_none_may_lack() -> None:
    assert "<h1>&lt;b&gt;</h1>" in render_template("video_page", VALUES)
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render_template("video_page", {key: value for key, value in VALUES.items() if key != "title"})
