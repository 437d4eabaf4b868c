"""A Hub on this machine, of the standard library: enough for the real huggingface_hub client, `hf` and `load_dataset`.

It keeps data set repositories in memory, with commits, tags, pull requests, LFS objects and an access token, and fails
on demand:

    with LoopbackHub(token="hf_x") as hub:
        hub.fail("/commit/", status=500)              # the next request with this in `METHOD path`
        hub.cut("/commit/", is_after=True)            # it is done, and the client never hears of it
        held = hub.hold("PUT lfs/")                   # held.wait(), then held.let_go() or held.drop()
        ...
        hub.repos["owner/name"].commits

To try a publication by hand:

    python -m tests.loopback_hub --port 0             # prints what to export, then each request; Ctrl-C ends it
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import secrets
import socket
import struct
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.hub_repos import Blob, Commit, Repo
from tests.hub_troubles import Held, Trouble


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client go that has ended or was cut off; its trouble is the test's own."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class LoopbackHub:
    def __init__(self, token: str, *, port: int = 0) -> None:
        self.token = token
        self.role = "write"
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.max_object_bytes: int | None = None
        """What the quota of LFS leaves."""
        self.requests: list[str] = []
        """`METHOD path`, in the order of their coming."""
        self.answers: list[str] = []
        """`STATUS METHOD path`, in the order of their going."""
        self.bytes_sent: Counter[str] = Counter()
        """By path of a file, what was fetched of it."""
        self.before_commit: list[Any] = []
        """Called once each before a commit is looked at: what somebody else does meanwhile."""
        self.committing = threading.Lock()
        self._troubles: list[Trouble] = []
        self._held: list[Held] = []
        self._server = Server(("127.0.0.1", port), type("Handler", (HubHandler,), {"hub": self}))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LoopbackHub:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for held in self._held:
            held.drop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, request: str, *, times: int = 1, **answer: Any) -> None:
        """Answer with a `status`, and `headers` and a `body` if they are given."""
        self._troubles += [Trouble(request, **answer) for _ in range(times)]

    def cut(self, request: str, *, is_after: bool = False, times: int = 1) -> None:
        """Cut the connection, before or after it is done."""
        self._troubles += [Trouble(request, is_after=is_after) for _ in range(times)]

    def hold(self, request: str, *, is_after: bool = False) -> Held:
        """Don't go on with a request, before or after it is done, until told to."""
        held = Held()
        self._held.append(held)
        self._troubles.append(Trouble(request, is_after=is_after, held=held))
        return held

    def recover(self) -> None:
        """Do without what was planned and has not happened yet."""
        self._troubles.clear()

    def trouble_of(self, request: str) -> Trouble | None:
        for index, trouble in enumerate(self._troubles):
            if trouble.request in request:
                return self._troubles.pop(index)
        return None


class HubHandler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets: without this, 40 ms pass between them

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at what is printed."""

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

    def answer(self) -> None:
        pieces = [unquote(piece) for piece in urlsplit(self.path).path.strip("/").split("/")]
        path = "/".join(pieces)
        self.query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.asked = f"{self.command} {path}"
        self.hub.requests.append(self.asked)
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client ended before it had sent everything")
        self.trouble = self.hub.trouble_of(self.asked)
        if self.trouble is not None and not self.trouble.is_after and self.is_over(self.trouble):
            return None
        if path.startswith("lfs/"):  # a signed address, as on the Hub: no token
            if self.command == "PUT":
                self.hub.objects[pieces[1]] = body
            return self.send(200, {})
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.send(401, {"error": "Invalid credentials"})
        if path == "api/whoami-v2":
            token = {"displayName": "tests", "role": self.hub.role}
            return self.send(200, {"name": "owner", "type": "user", "orgs": [], "auth": {"accessToken": token}})
        if path == "api/repos/create":
            return self.create_repo(json.loads(body))
        if path == "api/validate-yaml":
            return self.validate_card(json.loads(body)["content"])
        return self.answer_about_repo(pieces, body)

    def is_over(self, trouble: Trouble) -> bool:
        """Suffer a trouble: whether there is nothing left to answer."""
        self.trouble = None
        if trouble.held is not None:
            trouble.held.hold()
        if trouble.cuts:
            # without a last word to the client: it sees a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return True
        if trouble.status is not None:
            self.send(trouble.status, trouble.body or {"error": f"planned {trouble.status}"}, trouble.headers)
        return trouble.status is not None

    def create_repo(self, wanted: dict[str, Any]) -> None:
        repo_id = f"{wanted.get('organization') or 'owner'}/{wanted['name']}"
        url = f"{self.hub.endpoint}/datasets/{repo_id}"
        if repo_id in self.hub.repos:
            return self.send(409, {"error": "You already created this dataset repo", "url": url})
        self.hub.repos[repo_id] = Repo(private=wanted.get("visibility") == "private")
        self.hub.repos[repo_id].commit("initial commit", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)})
        return self.send(200, {"url": url, "id": "0"})

    def validate_card(self, card: str) -> None:
        head = card.split("---", 2)[1] if card.startswith("---") else ""
        try:
            yaml.safe_load(head)
        except yaml.YAMLError as error:
            return self.send(400, {"errors": [{"message": f"no YAML: {type(error).__name__}"}], "warnings": []})
        return self.send(200, {"errors": [], "warnings": []})

    def answer_about_repo(self, pieces: list[str], body: bytes) -> None:
        # api/datasets/OWNER/NAME[/VERB[/REVISION[/PATH]]]   datasets/OWNER/NAME[.git/info/...]/resolve/REVISION/PATH
        owner, name, *rest = pieces[2:] if pieces[0] == "api" else pieces[1:]
        repo_id = f"{owner}/{name.removesuffix('.git')}"
        repo = self.hub.repos.get(repo_id)
        if repo is None:
            return self.send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if name.endswith(".git"):
            return self.lfs_batch(json.loads(body))
        verb, revision, inner = (rest[0] if rest else "revision", rest[1] if len(rest) > 1 else "main", rest[2:])
        if verb == "discussions":
            return self.discussions(repo, repo_id, rest[1:])
        commit = repo.at(revision)
        if commit is None:
            return self.send(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        wanted: dict[str, Any] = json.loads(body) if body and verb != "commit" and body[:1] == b"{" else {}
        if verb == "revision":
            siblings = [{"rfilename": file} for file in commit.files]
            return self.send(200, {"id": repo_id, "sha": commit.oid, "siblings": siblings, "private": repo.private})
        if verb == "tree":
            return self.tree(commit, "/".join(inner), is_recursive=self.query.get("recursive", "").lower() == "true")
        if verb == "paths-info":
            paths = wanted.get("paths") or parse_qs(body.decode()).get("paths", [])
            return self.send(200, [entry for entry in commit.entries() if entry["path"] in paths])
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
            return self.preupload(repo, commit, wanted)
        if verb == "commit":
            return self.commit(repo, repo_id, body)
        if verb == "resolve":
            return self.resolve(commit, "/".join(inner))
        return self.send(404, {"error": f"no route {'/'.join(pieces)}"})

    def discussions(self, repo: Repo, repo_id: str, rest: list[str]) -> None:
        if rest:  # N/merge
            repo.merge(int(rest[0]))
            return self.send(200, {})
        status = self.query.get("status", "all")
        found = [one.as_json(repo_id) for one in repo.pull_requests[::-1] if status in ("all", one.status)]
        return self.send(200, {"count": len(found), "start": 0, "discussions": found})

    def tree(self, commit: Commit, folder: str, *, is_recursive: bool) -> None:
        prefix = f"{folder}/" if folder else ""
        entries = [entry for entry in commit.entries() if entry["path"].startswith(prefix)]
        if folder and not entries:
            return self.send(404, {"error": f"{folder} does not exist"}, {"X-Error-Code": "EntryNotFound"})
        direct = [entry for entry in entries if is_recursive or "/" not in entry["path"].removeprefix(prefix)]
        return self.send(200, direct)

    def preupload(self, repo: Repo, commit: Commit, wanted: dict[str, Any]) -> None:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".parquet") else "regular",
                "shouldIgnore": repo.hides(file["path"], wanted.get("gitIgnore")),
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
            if item["size"] > (self.hub.max_object_bytes or item["size"]):
                objects.append(item | {"error": {"code": 413, "message": "over the quota"}})
            else:
                objects.append(item if item["oid"] in self.hub.objects else item | {"actions": actions})
        return self.send(200, {"transfer": "basic", "objects": objects})

    def commit(self, repo: Repo, repo_id: str, body: bytes) -> None:
        while self.hub.before_commit:
            self.hub.before_commit.pop()(repo)
        page = f"{self.hub.endpoint}/datasets/{repo_id}"
        with self.hub.committing:
            answer = self.make_commit(repo, body, page)
        if answer is None:
            return self.send(412, {"error": "The branch has moved"})
        return self.send(200, answer)

    def make_commit(self, repo: Repo, body: bytes, page: str) -> dict[str, Any] | None:
        lines = [json.loads(line) for line in body.splitlines()]
        header, base = lines[0]["value"], repo.commits[-1]
        if header.get("parentCommit") not in (None, base.oid):
            return None
        files = dict(base.files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                files[value["path"]] = Blob(self.hub.objects[value["oid"]], True)
            else:
                del files[value["path"]]
        answer: dict[str, Any] = {"success": True}
        if "create_pr" in self.query:
            proposed = repo.propose(header["summary"], files, base=base)
            made, answer["pullRequestUrl"] = proposed.commit, f"{page}/discussions/{proposed.num}"
        else:
            made = repo.commit(header["summary"], files)
        return answer | {"commitUrl": f"{page}/commit/{made.oid}", "commitOid": made.oid}

    def resolve(self, commit: Commit, path: str) -> None:
        blob = commit.files.get(path)
        if blob is None:
            return self.send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        etag = f'"{blob.sha256 if blob.is_lfs else blob.oid}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if blob.is_lfs:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(blob.data))}
        status, data = 200, blob.data
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            status, data = 206, data[int(wanted[1]) : int(wanted[2] or len(data)) + 1]
        if self.command != "HEAD":
            self.hub.bytes_sent[path] += len(data)
        return self.send(status, data, headers)

    def send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        if self.trouble is not None and self.is_over(self.trouble):
            return
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.hub.answers.append(f"{status} {self.asked}")
        if self.command != "HEAD":
            self.wfile.write(data)


def serve(port: int) -> None:
    """Serve until Ctrl-C, and print each request with its answer."""
    token = f"hf_{secrets.token_hex(16)}"
    with LoopbackHub(token, port=port) as hub:
        print(f"export HF_ENDPOINT={hub.endpoint} HF_HUB_DISABLE_XET=1 HF_TOKEN={token}", flush=True)
        num_shown = 0
        try:
            while True:
                threading.Event().wait(0.2)
                new = hub.answers[num_shown:]
                num_shown += len(new)
                print(*new, sep="\n", end="\n" if new else "", flush=True)
        except KeyboardInterrupt:
            for name, repo in hub.repos.items():
                print(f"{name}: {len(repo.commits)} commits, tags {repo.tags}, {len(repo.pull_requests)} pull requests")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    serve(parser.parse_args().port)
