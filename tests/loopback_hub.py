"""A Hub on this machine, of the standard library: enough for the real huggingface_hub client and `load_dataset`.

It keeps data set repositories in memory, with commits, tags, LFS objects and an access token, and fails on demand:

    with LoopbackHub(token="hf_x") as hub:
        hub.fail("commit", status=500)       # the next request whose path holds "commit"
        ...
        hub.repos["owner/name"].commits
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Blob:
    data: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        data = self.data
        if self.is_lfs:  # git keeps a pointer
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(data)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        return entry | (
            {"lfs": {"oid": self.sha256, "size": len(self.data), "pointerSize": 130}} if self.is_lfs else {}
        )


@dataclass
class Commit:
    oid: str
    title: str
    files: dict[str, Blob]


@dataclass
class Repo:
    private: bool
    commits: list[Commit] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, title: str, files: dict[str, Blob]) -> Commit:
        content = f"{len(self.commits)}{title}{sorted((path, blob.oid) for path, blob in files.items())}"
        self.commits.append(Commit(hashlib.sha1(content.encode()).hexdigest(), title, files))
        return self.commits[-1]

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.commits[-1]
        oid = self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit.oid == oid), None)


class LoopbackHub:
    def __init__(self, token: str) -> None:
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.bytes_sent: Counter[str] = Counter()
        """By path of a file, what was fetched of it."""
        self.before_commit: list[Any] = []
        """Called once each before a commit is looked at: what somebody else does meanwhile."""
        self._failures: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (HubHandler,), {"hub": self}))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LoopbackHub:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, path_part: str, *, status: int, times: int = 1) -> None:
        self._failures += [(path_part, status)] * times

    def planned_failure(self, path: str) -> int | None:
        for index, (part, status) in enumerate(self._failures):
            if part in path:
                del self._failures[index]
                return status
        return None


class HubHandler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at what is printed."""

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        failure = self.hub.planned_failure(path)
        if failure is not None:
            return self.send(failure, {"error": f"planned {failure}"})
        if path.startswith("lfs/"):  # a signed address, as on the Hub: no token
            if self.command == "PUT":
                self.hub.objects[path.split("/")[1]] = body
            return self.send(200, {})
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.send(401, {"error": "Invalid credentials"})
        if path == "api/whoami-v2":
            return self.send(200, {"name": "owner", "type": "user", "orgs": []})
        if path == "api/repos/create":
            return self.create_repo(json.loads(body))
        if path == "api/validate-yaml":
            return self.send(200, {"errors": [], "warnings": []})
        return self.answer_about_repo(path, body)

    def create_repo(self, wanted: dict[str, Any]) -> None:
        repo_id = f"{wanted.get('organization') or 'owner'}/{wanted['name']}"
        url = f"{self.hub.endpoint}/datasets/{repo_id}"
        if repo_id in self.hub.repos:
            return self.send(409, {"error": "You already created this dataset repo", "url": url})
        self.hub.repos[repo_id] = Repo(private=wanted.get("visibility") == "private")
        self.hub.repos[repo_id].commit("initial commit", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)})
        return self.send(200, {"url": url, "id": "0"})

    def answer_about_repo(self, path: str, body: bytes) -> None:
        # api/datasets/OWNER/NAME[/VERB[/REVISION[/PATH]]]   datasets/OWNER/NAME[.git/info/...]/resolve/REVISION/PATH
        owner, name, *rest = path.removeprefix("api/").removeprefix("datasets/").split("/")
        repo = self.hub.repos.get(f"{owner}/{name.removesuffix('.git')}")
        if repo is None:
            return self.send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if name.endswith(".git"):
            return self.lfs_batch(json.loads(body))
        verb, revision, inner = (
            rest[0] if rest else "revision",
            rest[1] if len(rest) > 1 else "main",
            "/".join(rest[2:]),
        )
        if revision == "refs" and inner.startswith("convert"):
            return self.send(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        commit = repo.at(revision)
        if commit is None:
            return self.send(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        wanted: dict[str, Any] = json.loads(body) if body and verb != "commit" and body[:1] == b"{" else {}
        if verb == "revision":
            siblings = [{"rfilename": file} for file in commit.files]
            return self.send(
                200, {"id": f"{owner}/{name}", "sha": commit.oid, "siblings": siblings, "private": repo.private}
            )
        if verb == "tree":
            return self.tree(commit, inner, is_recursive="recursive=true" in self.path.lower())
        if verb == "paths-info":
            paths = wanted.get("paths", [])
            return self.send(200, [entry for entry in all_entries(commit) if entry["path"] in paths])
        if verb == "refs":
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in repo.tags.items()]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.commits[-1].oid}
            return self.send(200, {"branches": [main], "converts": [], "tags": tags})
        if verb == "tag":
            if wanted["tag"] in repo.tags:
                return self.send(409, {"error": "Tag reference exists already"})
            repo.tags[wanted["tag"]] = commit.oid
            return self.send(200, {})
        if verb == "preupload":
            return self.preupload(commit, wanted)
        if verb == "commit":
            return self.commit(repo, f"{owner}/{name}", body)
        if verb == "resolve":
            return self.resolve(commit, inner)
        return self.send(404, {"error": f"no route {path}"})

    def tree(self, commit: Commit, folder: str, *, is_recursive: bool) -> None:
        prefix = f"{folder}/" if folder else ""
        entries = [entry for entry in all_entries(commit) if entry["path"].startswith(prefix)]
        if folder and not entries:
            return self.send(404, {"error": f"{folder} does not exist"}, {"X-Error-Code": "EntryNotFound"})
        direct = [entry for entry in entries if is_recursive or "/" not in entry["path"].removeprefix(prefix)]
        return self.send(200, direct)

    def preupload(self, commit: Commit, wanted: dict[str, Any]) -> None:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
                "oid": commit.files[file["path"]].oid if file["path"] in commit.files else None,
            }
            for file in wanted["files"]
        ]
        return self.send(200, {"files": files})

    def lfs_batch(self, wanted: dict[str, Any]) -> None:
        objects: list[dict[str, Any]] = []
        for item in wanted["objects"]:
            href = f"{self.hub.endpoint}/lfs/{item['oid']}"
            actions = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            objects.append(item if item["oid"] in self.hub.objects else item | {"actions": actions})
        return self.send(200, {"transfer": "basic", "objects": objects})

    def commit(self, repo: Repo, repo_id: str, body: bytes) -> None:
        while self.hub.before_commit:
            self.hub.before_commit.pop()(repo)
        lines = [json.loads(line) for line in body.splitlines()]
        header, files = lines[0]["value"], dict(repo.commits[-1].files)
        if header.get("parentCommit") not in (None, repo.commits[-1].oid):
            return self.send(412, {"error": "The branch has moved"})
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            else:
                files[value["path"]] = Blob(self.hub.objects[value["oid"]], True)
        made = repo.commit(header["summary"], files)
        url = f"{self.hub.endpoint}/datasets/{repo_id}/commit/{made.oid}"
        return self.send(200, {"commitUrl": url, "commitOid": made.oid, "success": True})

    def resolve(self, commit: Commit, path: str) -> None:
        blob = commit.files.get(path)
        if blob is None:
            return self.send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        etag = f'"{blob.sha256 if blob.is_lfs else blob.oid}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if blob.is_lfs:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(blob.data))}
        status, data = 200, blob.data
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or ""):
            status, data = 206, data[int(wanted[1]) : int(wanted[2]) + 1]
        if self.command != "HEAD":
            self.hub.bytes_sent[path] += len(data)
        return self.send(status, data, headers)

    def send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def all_entries(commit: Commit) -> list[dict[str, Any]]:
    folders = {path.rsplit("/", 1)[0] for path in commit.files if "/" in path}
    entries = [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in sorted(folders)]
    return entries + [blob.entry(path) for path, blob in sorted(commit.files.items())]
