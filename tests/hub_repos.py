"""What a Hub keeps of data set repositories: files, commits, tags and pull requests, in memory."""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


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

    def entries(self) -> list[dict[str, Any]]:
        folders = {path.rsplit("/", 1)[0] for path in self.files if "/" in path}
        entries = [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in sorted(folders)]
        return entries + [blob.entry(path) for path, blob in sorted(self.files.items())]


@dataclass
class PullRequest:
    num: int
    base: Commit
    commit: Commit
    status: str = "open"

    def as_json(self, repo_id: str) -> dict[str, Any]:
        return {
            "num": self.num,
            "title": self.commit.title,
            "author": {"name": "owner"},
            "createdAt": datetime(2026, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "status": self.status,
            "repo": {"name": repo_id, "type": "dataset"},
            "isPullRequest": True,
        }


@dataclass
class Repo:
    private: bool
    commits: list[Commit] = field(default_factory=list)
    """Of `main`, the oldest first."""
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: list[PullRequest] = field(default_factory=list)

    def commit(self, title: str, files: dict[str, Blob]) -> Commit:
        self.commits.append(self.new_commit(title, files))
        return self.commits[-1]

    def propose(self, title: str, files: dict[str, Blob], *, base: Commit) -> PullRequest:
        self.pull_requests.append(PullRequest(len(self.pull_requests) + 1, base, self.new_commit(title, files)))
        return self.pull_requests[-1]

    def merge(self, num: int) -> None:
        """Bring what a pull request changes to `main`, as the button on its page does."""
        proposed = self.pull_requests[num - 1]
        before, after, files = proposed.base.files, proposed.commit.files, dict(self.commits[-1].files)
        for path in before.keys() - after.keys():
            files.pop(path, None)
        files.update({path: blob for path, blob in after.items() if before.get(path) != blob})
        self.commit(f"Merge {proposed.commit.title}", files)
        proposed.status = "merged"

    def new_commit(self, title: str, files: dict[str, Blob]) -> Commit:
        num_before = len(self.commits) + len(self.pull_requests)
        content = f"{num_before}{title}{sorted((path, blob.oid) for path, blob in files.items())}"
        return Commit(hashlib.sha1(content.encode()).hexdigest(), title, files)

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.commits[-1]
        proposed = {f"refs/pr/{one.num}": one.commit for one in self.pull_requests}
        oid = self.tags.get(revision, revision)
        known = {commit.oid: commit for commit in [*self.commits, *proposed.values()]}
        return proposed.get(revision) or known.get(oid)

    def hides(self, path: str, gitignore: str | None) -> bool:
        """Whether a .gitignore, the client's or that of `main`, hides a path. Patterns of one name only."""
        kept = self.commits[-1].files.get(".gitignore")
        text = gitignore or (kept.data.decode() if kept else "")
        patterns = [line.strip().rstrip("/") for line in text.splitlines() if line.strip() and line[0] != "#"]
        return any(fnmatch.fnmatch(part, pattern) for part in path.split("/") for pattern in patterns)
