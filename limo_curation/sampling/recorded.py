"""The recorded engine: completions that somebody published, instead of sampling them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from limo_curation.errors import ConfigError, TableError
from limo_curation.normalisation import stored_text
from limo_curation.sampling.protocol import Completion, Requests, held_back_for_ever
from limo_curation.source_config import Source
from limo_curation.sources import file_digests, read_source
from limo_curation.store import json_digest

COLUMNS = ("model", "question", "completion")


class RecordedSampler:
    """Gives attempt k of a model on a question the k-th recorded completion of the two."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._revision = json_digest([file_digests(source) for source in sources])[:32]
        self._completions: dict[tuple[str, str], list[str]] = {}
        for source in sources:
            for model, question, completion in read_completions(source).iter_rows():
                self._completions.setdefault((model, question), []).append(completion)

    def revision(self, model: str) -> str:
        """Return a digest of the recording, which stands for the model's weights."""
        return f"{model}@recorded-{self._revision}"

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield the recorded completions, in order; tokens are not known and count as zero.

        Raises:
            StageError: a request is held back, although each is answered before the next one is asked for.
            TableError: fewer completions are recorded than are asked for. Record more, or ask for fewer attempts.
        """
        for request in requests:
            if request is None:
                raise held_back_for_ever()
            recorded = self._completions.get((request.model, request.question), [])
            if request.attempt >= len(recorded):
                raise TableError(
                    f"attempt {request.attempt + 1} of {request.model} on {request.question[:60]!r} is asked for, "
                    f"{len(recorded)} are recorded; lower num_attempts or record more"
                )
            yield Completion(request, recorded[request.attempt], "stop", 0, 0)


def read_completions(source: Source) -> pl.DataFrame:
    """Return `model`, `question` (as ingestion writes it) and `completion` of a source.

    Raises:
        ConfigError: the column map lacks one of them.
        TableError: a file or row can't be read, or lacks a value. Mend it: without the row, the attempts behind it
            would move up.
    """
    missing = [name for name in COLUMNS if name not in source.columns]
    if missing:
        raise ConfigError(f"source {source.name!r}: columns.{missing[0]} is missing; name the source's column for it")
    wanted: dict[str, pl.DataType] = {source.columns[name]: pl.String() for name in COLUMNS}
    frames = [pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String))]
    for batch in read_source(source, wanted, batch_rows=50_000):
        if batch.bad:
            raise TableError(batch.bad[0].message)
        holes = batch.frame.filter(pl.any_horizontal(pl.col(list(wanted)).is_null()))["row_number"]
        if holes.len():
            raise TableError(f"source {source.name!r}: row {holes[0]} of {batch.file} lacks {', '.join(wanted)}: null")
        frames.append(batch.frame.select(pl.col(source.columns[name]).alias(name) for name in COLUMNS))
    return pl.concat(frames).with_columns(stored_text(pl.col("question")))
