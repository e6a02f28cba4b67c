"""Every command of the documents parses, and every link leads somewhere."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import configs_folder

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(aher [a-z]+ --[^`]*)`")
LINK = re.compile(r"\[[^]]+\]\((?!https?:)([^)#]*)#?([^)]*)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a language."""
    return (found[2] for found in FENCE.finditer(document.read_text(encoding="utf-8")) if found[1] == language)


def commands(document: Path) -> list[str]:
    """The commands of a document, without those that stand for several or need a package of one's own."""
    lines = [line for block in blocks(document, "") for line in block.replace("\\\n", " ").splitlines()]
    lines += INLINE.findall(document.read_text(encoding="utf-8"))
    found = (line for line in lines if line.startswith("aher ") and "..." not in line)
    return list(dict.fromkeys(re.sub(r"\s+", " ", line) for line in found))


def write_overlays(document: Path, folder: Path) -> None:
    """Write the configurations that a document shows under the file names that it gives them just before."""
    text = document.read_text(encoding="utf-8")
    for found in re.finditer(r"`(\w+\.yaml)`[^`]*```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        (folder / found[1]).write_text(found[2], encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """The headings of a document as links spell them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


COMMANDS = [(document, command) for document in DOCUMENTS for command in commands(document)]


@pytest.mark.parametrize(("document", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_parses(
    document: Path, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_overlays(document, tmp_path)
    words = shlex.split(command, comments=True)[1:]
    assert main([*words, "--print_config"] if "--help" not in words else words) == 0
    assert capsys.readouterr().out


def test_names_are_found_as_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "getting_started.md").read_text(encoding="utf-8")
    section = text.split("## Finding names")[1].split("\n## ")[0]
    shown = [one for found in FENCE.finditer(section) for one in found[2].split("$ aher ") if one]
    assert len(shown) == 4
    for one in shown:
        command, expected = one.split("\n", 1)
        main(shlex.split(command))
        written = capsys.readouterr()
        assert (written.out + written.err).replace(str(configs_folder().parent), "...") == expected
    for command in re.findall(r"^\| `aher (\w+.*?)` \|", section, re.MULTILINE):
        assert main(shlex.split(command)) == 0
    assert (tmp_path / "mine.yaml").is_file()


def test_the_documents_show_commands_of_all_kinds() -> None:
    named = {shlex.split(command)[1] for _, command in COMMANDS}
    assert named >= {"fit", "test", "demo", "render", "extract", "evaluate", "localize", "analyze"}
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for path, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_metrics_of_the_evaluation_page_give_what_it_says() -> None:
    (block,) = blocks(ROOT / "docs" / "evaluation.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    said = re.search(r"# (\{.*\})", block)
    assert said is not None
    values = names["values"]
    assert isinstance(values, dict)
    assert {key: float(value) for key, value in values.items()} == ast.literal_eval(said[1])
