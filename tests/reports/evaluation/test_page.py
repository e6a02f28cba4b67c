from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.reports.evaluation.page import render_page, write_page
from aher_lightning.reports.evaluation.report import EvaluationReport
from tests.helpers.evaluation_reports import diagnosis_report, full_report, group_report, plain_report

VOID = {"meta", "input", "link", "br", "img"}
LOADING = {"src", "href", "srcset", "action", "poster", "data", "background", "xlink:href", "style"}


class Outline(HTMLParser):
    """Check that elements close in order, and note what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.ids: list[str | None] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.texts.append(data)


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', page)


def test_all_parts_in_their_order() -> None:
    page = render_page(full_report(), title="a.json")
    expected = ["result", "groups", "scores", "errors", "gains", "sensitivity", "missed", "categories"]
    assert sections(page) == expected
    assert "<h1>a.json</h1>" in page
    assert "Diagnosing Error in Temporal Action Detectors" in page
    links = [value for tag, name, value in Outline(page).attributes if (tag, name) == ("a", "href")]
    assert links == [f"#{name}" for name in expected]


def test_elements_close_and_ids_are_unique() -> None:
    outline = Outline(render_page(full_report()))
    assert outline.open == []
    assert len(outline.ids) == len({*outline.ids})


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        (["diagnosis"], {"errors", "gains", "sensitivity", "missed"}),
        (["groups"], {"groups"}),
        (["AUC", "AR@AN"], set()),
        (["per_class_AP"], {"categories"}),
        (["per_class_support", "protocol", "skipped"], set()),
        (["groups", "diagnosis", "AUC", "AR@AN", "protocol", "per_class_support"], {"groups", "errors"}),
    ],
)
def test_what_a_report_lacks_is_left_out(left_out: list[str], missing: set[str]) -> None:
    whole = full_report()
    report: EvaluationReport = {key: value for key, value in whole.items() if key not in left_out}  # type: ignore[assignment]
    page = render_page(report)
    assert Outline(page).open == []
    assert not missing & {*sections(page)}
    assert ("AR against AN" in page) == ("AUC" not in left_out)


def test_groups_without_diagnosis_are_compared_by_their_scores() -> None:
    report = full_report()
    for group in report["groups"].values():
        group.pop("diagnosis", None)
    page = render_page(report)
    assert page.count("mAP against tIoU</figcaption>") == 2
    assert "Outcomes of the best predictions, by group" not in page
    assert "False positives, all categories" in page


def test_more_groups_than_colours_have_tables_only() -> None:
    report = full_report()
    report["groups"] = {f"group {number}": group_report(number / 100, "c" * 12) for number in range(1, 8)}
    page = render_page(report)
    assert page.count("mAP against tIoU</figcaption>") == 1
    assert all(f">group {number}<" in page for number in range(1, 8))
    assert "group 7, 10G" in page


def numbers(report: EvaluationReport) -> list[float]:
    """Return every fraction of a report that has no parts of its own left."""
    found = [*report["mAP"].values(), report["AUC"]]
    diagnoses = [report["diagnosis"]]
    for name, group in report["groups"].items():
        found += [*group["mAP"].values(), group["AUC"]]
        if name != "harmonic_mean":
            diagnoses.append(group["diagnosis"])
    for one in diagnoses:
        found += [one["mAP_N"], one["missed"], *one["gains"].values()]
        buckets = [bucket for several in one["sensitivity"].values() for bucket in several]
        found += [bucket["mAP_N"] for bucket in buckets if bucket["mAP_N"] is not None]
        found += [bucket["missed"] for bucket in buckets if bucket["missed"] is not None]
        found += [errors["confusion"] / errors["predictions"] for errors in one["errors"]]
    found += [value for precisions in report["per_class_AP"].values() for value in precisions.values()]
    return found


def test_every_number_is_on_the_page() -> None:
    report = full_report()
    shown = " ".join(Outline(render_page(report)).texts)
    words = {*shown.replace("+", "").split()}
    missing = [value for value in numbers(report) if f"{100 * value:.2f}" not in words]
    assert missing == []
    counts = ["31", "1,234", "56,789", "2,005", "2,006", "2,007", "43", "19", "300", "600", "1,000", "110"]
    assert [count for count in counts if count not in words] == []


def test_everything_that_decides_whether_numbers_compare() -> None:
    page = render_page(full_report() | {"oracle": "labels"})
    facts = (
        "plain",
        "validation",
        "0.50, 0.75, 0.95",
        "0.50:0.05:0.95",
        "scored one by one",
        "Ambiguous",
        "0123456789ab",
    )
    assert all(f">{fact}</dd>" in page for fact in facts)
    assert page.count("0123456789ab") == 3  # above the headlines, among the facts, above its column
    for note in (
        "8 rows skipped: score is not finite (7), unknown label (1)",
        "2 predicted videos",
        "oracle: labels replaced by the ground truth",
    ):
        assert note in page
    other = full_report()
    other["protocol"] |= {"class_agnostic": True, "excluded_categories": []}
    assert "all count as one" in render_page(other)


EVIL = "</title></script><script>alert('1')</script><img src=x onerror=alert(1)>\"&{{ 7 * 7 }}"


def evil_report() -> EvaluationReport:
    """Return a report whose every name tries to become markup."""
    report = full_report()
    first = report["per_class_AP"]["wave"]
    report["per_class_AP"] = {EVIL: first}
    report["per_class_support"] = {EVIL: report["per_class_support"]["wave"]}
    report["groups"] = {EVIL: group_report(0.01, "a" * 12), EVIL[1:]: group_report(0.02, "b" * 12)}
    report["protocol"] |= {"name": EVIL, "subset": EVIL, "excluded_categories": [EVIL]}
    report["skipped"] = {EVIL: 1}
    report["diagnosis"]["sensitivity"]["length"][0]["range"] = EVIL
    return report


def test_names_stay_names() -> None:
    page, plain = render_page(evil_report(), title=EVIL), render_page(full_report())
    outline = Outline(page)
    assert outline.open == []
    assert outline.tags.count("script") == 1
    assert "img" not in outline.tags
    assert {*outline.tags} == {*Outline(plain).tags}
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert sum(EVIL in text for text in outline.texts) > 10
    # Names are no templates either.
    assert sum("{{ 7 * 7 }}" in text for text in outline.texts) > 10


def test_names_that_no_encoding_can_hold(tmp_path: Path) -> None:
    report = plain_report()
    report["per_class_AP"] = {"a\ud800b\x00": report["per_class_AP"]["wave"]}
    write_page(tmp_path / "page.html", report, title="\udfff")
    assert "a�b�" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render_page(full_report())
    outline = Outline(page)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form", "use", "image"} & {*outline.tags}
    loads = [(tag, value) for tag, name, value in outline.attributes if name in LOADING]
    assert {tag for tag, _ in loads} == {"a"}
    assert all(str(value).startswith("#") for _, value in loads)
    assert not re.search(r"https?:|//\w|@import|url\(|fetch\(|import\(|XMLHttp", page)


def test_the_policy_allows_the_own_style_and_script_and_nothing_else() -> None:
    page = render_page(full_report())
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])  # type: ignore[index]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)[1]  # type: ignore[index]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert rules == {}
    # An attribute "style" would be refused by this policy.
    assert " style=" not in page


def test_charts_speak_to_screen_readers() -> None:
    page = render_page(full_report())
    charts = re.findall(r'<svg [^>]*role="img"[^>]*aria-label="[^"]+"[^>]*><title>[^<]+</title>', page)
    assert len(charts) == page.count("<svg ") - 3 == page.count("<figure")  # three rows have a meter, hidden from them
    assert page.count('aria-hidden="true"') == 3
    assert re.search(r'<html lang="en">', page)


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    write_page(tmp_path / "new" / "one.html", full_report(), title="t")
    write_page(tmp_path / "two.html", full_report(), title="t")
    assert (tmp_path / "new" / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["one.html"]


def test_empty_buckets_have_no_number() -> None:
    report = full_report() | {"groups": {}}
    for buckets in report["diagnosis"]["sensitivity"].values():
        for bucket in buckets:
            bucket |= {"instances": 0, "mAP_N": None, "missed": None}
    page = render_page(report)
    assert page.count(">none</text>") == 28
    report["diagnosis"] = diagnosis_report() | {"sensitivity": {}, "errors": []}
    assert Outline(render_page(report)).open == []


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"page\.html: cannot be written"):
        write_page(tmp_path / "file" / "page.html", plain_report())
