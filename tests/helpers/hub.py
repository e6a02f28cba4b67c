"""A stand-in of the hub on loopback: repositories in memory behind the HTTP interface that its library uses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from aher_lightning.checkpoints.hub import download

WRITER = "hf_writer"
"""The token of the user "ann", who may read and write her own repositories."""

READER = "hf_reader"
"""The token of somebody else, who may write nothing."""

MOST_REQUESTS = 200
MOST_BYTES = 2**24

_Files = dict[str, bytes]


@dataclass
class Repository:
    """A repository, with all of its commits.

    Attributes:
        is_private: Whether only its owner may read it.
        commits: Files by commit, in order.
        tags: Commits by the names of tags.
    """

    is_private: bool = False
    commits: dict[str, _Files] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: _Files) -> str:
        """Add a commit and return its name."""
        name = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[name] = files
        return name

    def find(self, revision: str) -> str | None:
        """Return the commit of a branch, a tag or a commit."""
        if revision == "main":
            return next(reversed(self.commits), None)
        return self.tags.get(revision, revision if revision in self.commits else None)

    @property
    def newest(self) -> _Files:
        """The files of the newest commit."""
        return next(reversed(self.commits.values()), {})


@dataclass
class Hub:
    """What the stand-in has, and what it was asked.

    Attributes:
        repositories: By ``user/model``.
        requests: Method and path of each request.
        refuses_commits: Whether commits fail, as where a disk is full.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuses_commits: bool = False

    def add(self, name: str, folder: Path, *, is_private: bool = False) -> Repository:
        """Add a repository with the files of a folder."""
        repository = self.repositories.setdefault(name, Repository(is_private))
        repository.commit({path.name: path.read_bytes() for path in folder.iterdir()})
        return repository


class _RefusalError(Exception):
    """An answer other than 200.

    Args:
        status: HTTP status.
        code: What the hub calls it.
        about: The repository that is there already.
    """

    def __init__(self, status: int, code: str = "", about: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.about = status, code, about


class _Handler(BaseHTTPRequestHandler):
    """Answers for one hub."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if len(self.hub.requests) > MOST_REQUESTS:
            self._send(508, b"{}", {})
            return
        try:
            content, headers = self._post(path, body) if self.command == "POST" else self._get(path)
        except _RefusalError as refusal:
            # The address of what is there already: an existing repository is no error for those who may write to it.
            code = {"X-Error-Code": refusal.code} if refusal.code else {}
            self._send(refusal.status, json.dumps({"url": self._address(refusal.about)}).encode(), code)
        else:
            self._send(200, content, headers)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _get(self, path: str) -> tuple[bytes, dict[str, str]]:
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
            commit, files = self._read(found[1], found[3])
            if found[2] == "tree":
                tree = [
                    {"type": "file", "path": name, "size": len(files[name]), "oid": _oid(files[name])} for name in files
                ]
                return json.dumps(tree).encode(), {}
            siblings = [{"rfilename": name} for name in files]
            return json.dumps({"id": found[1], "sha": commit, "siblings": siblings}).encode(), {}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            return self._get(f"{path}/revision/main")
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            commit, files = self._read(found[1], found[2])
            if found[3] not in files:
                raise _RefusalError(404, "EntryNotFound")
            content = files[found[3]]
            return content, {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": commit}
        raise _RefusalError(404)

    def _read(self, name: str, revision: str) -> tuple[str, _Files]:
        """The files of a commit, for those who may read them."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.is_private and not self._owns(name)):
            raise _RefusalError(404 if self._token() else 401, "RepoNotFound")
        commit = repository.find(revision)
        if commit is None and revision != "main":
            raise _RefusalError(404, "RevisionNotFound")
        return commit or "0" * 40, repository.commits.get(commit or "", {})

    def _post(self, path: str, body: bytes) -> tuple[bytes, dict[str, str]]:
        if path == "/api/validate-yaml":
            return json.dumps({"errors": [], "warnings": []}).encode(), {}
        if not self._token():
            raise _RefusalError(401)
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path)
        if found is None:
            raise _RefusalError(404)
        if found[1] not in self.hub.repositories:
            raise _RefusalError(404, "RepoNotFound")
        if not self._owns(found[1]):
            raise _RefusalError(403)
        if found[2] == "preupload":
            modes = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return json.dumps({"files": modes}).encode(), {}
        return self._commit(found[1], [json.loads(line) for line in body.splitlines()])

    def _create(self, wanted: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        name = f"{wanted['organization']}/{wanted['name']}"
        if not self._owns(name):
            raise _RefusalError(403)
        if name in self.hub.repositories:
            raise _RefusalError(409, about=name)
        is_private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.hub.repositories[name] = Repository(is_private)
        return json.dumps({"url": self._address(name)}).encode(), {}

    def _commit(self, name: str, lines: list[dict[str, dict[str, str]]]) -> tuple[bytes, dict[str, str]]:
        if self.hub.refuses_commits:
            raise _RefusalError(507)
        files = dict(self.hub.repositories[name].newest)
        for line in lines:
            value = line["value"]
            if str(line["key"]) == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif str(line["key"]) == "deletedFile":
                del files[value["path"]]
        commit = self.hub.repositories[name].commit(files)
        url = self._address(f"{name}/commit/{commit}")
        return json.dumps({"success": True, "commitUrl": url, "commitOid": commit}).encode(), {}

    def _address(self, path: str) -> str:
        return f"http://{self.headers['Host']}/{path}"

    def _token(self) -> str:
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _owns(self, name: str) -> bool:
        return self._token() == WRITER and name.startswith("ann/")


def _oid(content: bytes) -> str:
    """Name of a file by its content."""
    return hashlib.sha1(content).hexdigest()


@contextmanager
def serve_hub(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """Run a hub, and have its library use it, with an empty cache and nobody logged in."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra 'hub' is not installed")
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connect(monkeypatch, server.server_port)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    download.cache_clear()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        download.cache_clear()


def connect(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Have the library use the hub at a port of this machine; at port 9, none answers.

    This is what HF_ENDPOINT does, which the library reads only when it is imported, maybe by an earlier test.
    """
    from huggingface_hub import constants

    address = f"http://127.0.0.1:{port}"
    path = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}{path}")
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
