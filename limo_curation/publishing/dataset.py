"""What a released set holds: four configs as Parquet files, the run file, the funnel's picture and the card.

    README.md                                the card
    funnel.png                               its picture
    run.json                                 the run file that leads to the same set
    data/train-00000-of-00001.parquet        default: question, solution, answer, messages
    provenance/train-00000-of-00001.parquet  provenance: the same rows with all that is known of them
    pool/train-00000-of-00003.parquet ...    pool: the problems that difficulty kept, and what became of each
    ledger.parquet                           ledger: stage, drop_reason, rows

The same run gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

import polars as pl

from limo_curation.errors import TableError
from limo_curation.publishing.card import PICTURE, RUN_FILE, render_card
from limo_curation.publishing.conversations import system_prompt_of, with_messages
from limo_curation.publishing.folder import PublishedFile, replace_folder, staging
from limo_curation.publishing.front_matter import DataConfig, num_bytes_of
from limo_curation.publishing.licenses import licensed_chains, licensed_rows, require_licenses
from limo_curation.publishing.pool import num_pool_parts, pool_parts, scan_pool
from limo_curation.publishing_config import PublishingConfig
from limo_curation.report.funnel_picture import draw_funnel
from limo_curation.run_record import RunRecord, config_of, drop_reasons, funnel, load_samples, shareable_config
from limo_curation.store import Store
from limo_curation.tables import POOL, RELEASED, SAMPLES

CARD: Final = "README.md"
LEDGER_FILE: Final = "ledger.parquet"
ROW_GROUP_ROWS: Final = 10_000


def write_dataset(store: Store, record: RunRecord, folder: Path, *, config: PublishingConfig) -> list[PublishedFile]:
    """Write the released set of a run; a folder that already holds exactly these bytes is left as it is.

    Args:
        store: where the run's entries are.
        record: the run, with its samples selected.
        folder: made if it is absent; may hold an earlier publication of ours, which is replaced.
        config: the run's publishing section.

    Returns:
        The files of the set, without the manifest, by path.

    Raises:
        ConfigError: a licence forbids to publish (see `require_licenses`). Nothing is written then.
        TableError: the folder holds files of somebody else, a chain is selected twice, or an entry that the run used is
            gone. Nothing is written then.
    """
    samples = samples_in_order(store, record)
    by_license = ["problem_id", "source", "license"]
    licenses = licensed_rows(scan_pool(store, record).select(by_license), samples.select(by_license))
    generation = config_of(record).generation
    chain_licenses = licensed_chains(generation.recorded, samples)
    require_licenses([*licenses, *chain_licenses], config=config)
    released = with_messages(samples, system_prompt=system_prompt_of(generation))
    outcomes: list[pl.DataFrame] = []
    pool = counting(pool_parts(store, record), outcomes)
    with staging(folder) as staged:
        data = [
            write_config(staged, "default", "data", 1, [released], schema=RELEASED.schema),
            write_config(staged, "provenance", "provenance", 1, [samples], schema=SAMPLES.schema),
            write_config(staged, "pool", "pool", num_pool_parts(record), pool, schema=POOL.schema),
            write_ledger(staged, drop_reasons(store, record)),
        ]
        (staged / PICTURE).write_bytes(draw_funnel(funnel(store, record), file_format="png"))
        run_file = json.dumps(shareable_config(record), indent=2, ensure_ascii=False)
        (staged / RUN_FILE).write_text(run_file + "\n", encoding="utf-8")
        card = render_card(
            store,
            record,
            samples,
            config=config,
            data=data,
            pool_outcomes=added_up(outcomes),
            licenses=licenses,
            chain_licenses=chain_licenses,
        )
        (staged / CARD).write_text(card, encoding="utf-8")
        return replace_folder(staged, folder, title=config.title, license_name=config.license)


def samples_in_order(store: Store, record: RunRecord) -> pl.DataFrame:
    """Return the run's samples, sorted by chain_id.

    Raises:
        TableError: a chain is selected twice.
    """
    samples = SAMPLES.check(load_samples(store, record)).sort("chain_id")
    twice = samples.filter(pl.col("chain_id").is_duplicated())["chain_id"].head(1).to_list()
    if twice:
        raise TableError(f"chain {twice[0]} stands in the samples more than once; run the selection stage again")
    return samples


def counting(parts: Iterable[pl.DataFrame], outcomes: list[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """Yield the portions of the pool, and note how many problems of each came to which end."""
    for part in parts:
        outcomes.append(part.group_by("outcome_stage", "outcome").agg(problems=pl.len()))
        yield part


def added_up(outcomes: list[pl.DataFrame]) -> pl.DataFrame:
    """Return how many problems of the pool came to which end, the commonest first."""
    total = pl.concat(outcomes).group_by("outcome_stage", "outcome").agg(pl.col("problems").sum())
    return total.sort("problems", "outcome_stage", "outcome", descending=[True, False, False])


# -- files -------------------------------------------------------------------------------------------------------------


def write_config(
    staged: Path, name: str, subfolder: str, num_parts: int, parts: Iterable[pl.DataFrame], *, schema: pl.Schema
) -> DataConfig:
    """Write the parts of a config one after the other, and return what the card's head says of it."""
    (staged / subfolder).mkdir()
    num_rows = num_bytes = 0
    for place, part in enumerate(parts):
        write_parquet(part, staged / subfolder / f"train-{place:05d}-of-{num_parts:05d}.parquet")
        num_rows += part.height
        num_bytes += num_bytes_of(part)
    paths = sorted(file.relative_to(staged).as_posix() for file in (staged / subfolder).iterdir())
    path = paths[0] if len(paths) == 1 else f"{subfolder}/train-*.parquet"
    file_bytes = sum((staged / one).stat().st_size for one in paths)
    return DataConfig(name, path, schema, num_rows, num_bytes, file_bytes)


def write_ledger(staged: Path, reasons: pl.DataFrame) -> DataConfig:
    """Write the counts of the ledger."""
    write_parquet(reasons, staged / LEDGER_FILE)
    size = (staged / LEDGER_FILE).stat().st_size
    return DataConfig("ledger", LEDGER_FILE, reasons.schema, reasons.height, num_bytes_of(reasons), size)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write one Parquet file; the same frame gives the same bytes."""
    frame.write_parquet(path, compression="zstd", row_group_size=ROW_GROUP_ROWS)
