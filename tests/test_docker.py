"""The image's recipe: what can be checked of it without an engine that builds it."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"
# Beside the interpreter first: tests also run in an environment that is not activated.
HADOLINT = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

pytestmark = pytest.mark.skipif(
    not DOCKERFILE.is_file(), reason="needs the repository, whose docker folder is not packed"
)


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of every instruction, continued lines joined."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    last = max(place for place, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def values(word: str, among: list[tuple[str, str]]) -> list[str]:
    return [rest for name, rest in among if name == word]


def test_the_base_is_pinned_to_a_release() -> None:
    word, first = instructions()[0]
    name, _, image = first.partition("=")
    assert (word, name) == ("ARG", "PYTHON_IMAGE")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", image)
    assert all(rest.split()[0] == "${PYTHON_IMAGE}" for rest in values("FROM", instructions()))
    supported = metadata("aher-lightning")["Requires-Python"]
    minor = int(image.split(".")[1])
    lowest, highest = sorted(int(bound) for bound in re.findall(r"3\.(\d+)", supported))
    assert lowest <= minor < highest


def test_what_runs_is_no_root_and_has_a_health_check() -> None:
    stage = final_stage()
    assert values("USER", stage) == ["1000:1000"]
    after_user = [word for word, _ in stage[[word for word, _ in stage].index("USER") :]]
    assert not {"RUN", "COPY", "ADD"} & set(after_user)
    assert values("HEALTHCHECK", stage)[0].endswith('CMD ["aher", "--version"]')
    assert values("ENTRYPOINT", stage) == ['["aher"]']


def test_nothing_that_builds_reaches_the_final_stage() -> None:
    copies = values("COPY", final_stage())
    assert copies == ["--from=build /opt/aher /opt/aher"]
    assert not any("pip" in rest or "apt-get" in rest for rest in values("RUN", final_stage()))
    assert any("pip uninstall --yes pip" in rest for rest in values("RUN", instructions()))


def test_every_copied_file_is_there_and_not_ignored() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n") if line[:1] not in "#"]
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    sources = [name for rest in values("COPY", instructions()) if "--from" not in rest for name in rest.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "src", "configs"} <= set(sources)
    for name in sources:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, pattern) for pattern in allowed), name


def test_what_the_package_is_built_of_is_copied() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    readme = re.findall(r'^readme = "(.*)"', text, re.MULTILINE)
    licenses = re.findall(r'^license-files = \["(.*)"\]', text, re.MULTILINE)
    included = re.findall(r"force-include\]\n(\w+) =", text)
    assert len(readme) == len(licenses) == len(included) == 1
    copied = {name for rest in values("COPY", instructions()) for name in rest.split()[:-1]}
    assert {*readme, *licenses, *included} <= copied


@pytest.mark.skipif(HADOLINT is None, reason="needs hadolint")
def test_the_linter_has_nothing_to_say() -> None:
    linted = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
