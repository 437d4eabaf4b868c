"""A store that remembers how often it was read and listed."""

from __future__ import annotations

from limo_curation.store import Store


class CountingStore(Store):
    """Counts the files that are read and the folders that are listed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.num_reads = 0
        self.num_listings = 0

    def read_bytes(self, path: str) -> bytes | None:
        self.num_reads += 1
        return super().read_bytes(path)

    def list(self, path: str) -> list[str]:
        self.num_listings += 1
        return super().list(path)
