"""Licences: read whatever their spelling, and rows that may not go out are named before anything is written."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.catalogue import CHAINS_FOLDER, SOURCES_FOLDER, known_names, load_sources
from limo_curation.errors import ConfigError
from limo_curation.publishing.licenses import (
    LicensedRows,
    known_license,
    licensed_chains,
    licensed_rows,
    obligations,
    require_licenses,
    require_source_licenses,
    spelled_licenses,
)
from limo_curation.publishing_config import PublishingConfig
from limo_curation.source_config import Source


def rows_under(text: str | None, *, source: str = "pool") -> LicensedRows:
    return LicensedRows(source, text, known_license(text), num_samples=1, num_pool=7, problem_ids=("p1", "p2"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mit", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("MIT (hendrycks/math; one copy was taken down)", "MIT"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("Apache License, Version 2.0", "Apache"),
        ("BSD-3-Clause", "BSD"),
        ("cc0-1.0", "CC0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0"),
        ("CC BY 4.0", "CC-BY"),
        ("Creative Commons License (CC BY)", "CC-BY"),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", "CC-BY-SA"),
        ("Creative Commons Attribution Non-Commercial ShareAlike 4.0 License (CC BY-NC-SA 4.0)", "CC-BY-NC-SA"),
        ("gpl-3.0-or-later", "GPL"),
        ("GNU Free Documentation License", "GFDL"),
        ("CC BY-NC-ND 3.0 IGO", "No derivatives"),
        ("https://creativecommons.org/licenses/by-nd/4.0/", "No derivatives"),
        ("MIT\n(c) 2021. All rights reserved", "All rights reserved"),
        ("for academic research only", "Research only"),
        ("CC-BY-4.0, but NOT for redistribution", "No redistribution"),
    ],
)
def test_licence_is_known_by_its_words_whatever_the_spelling(text: str, name: str):
    known = known_license(text)
    assert known is not None
    assert known.name == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "other",
        "unknown",
        "cc",
        "repo Apache-2.0; text (c) MAA",
        "MIT repo (data Apache-2.0)",
        "MIT (no commercial use)",
        "见网站",
    ],
)
def test_licence_that_may_mean_anything_is_not_taken_for_a_known_one(text: str):
    assert known_license(text) is None


def test_no_spelling_means_two_licences():
    words = [spelling for _, spelling in spelled_licenses()]
    assert all(words)
    names = {spelling: {one.name for one, other in spelled_licenses() if other == spelling} for spelling in words}
    assert all(len(found) == 1 for found in names.values())


@given(st.text(max_size=40), st.sampled_from(["all rights reserved", "CC-BY-ND-4.0", "research only"]))
def test_words_around_a_clause_that_forbids_never_lift_it(text: str, clause: str):
    known = known_license(f"{text} {clause} {text}")
    assert known is not None
    assert known.forbids


def test_rows_are_counted_by_source_and_licence_with_nulls_apart():
    pool = pl.DataFrame(
        [("p1", "a", "mit"), ("p2", "a", "mit"), ("p3", "a", None), ("p4", None, None), ("p5", "b", "mit")],
        schema=["problem_id", "source", "license"],
        orient="row",
    )
    rows = licensed_rows(pool.lazy(), pool.filter(pl.col("problem_id").is_in(["p2", "p4"])))
    assert [(one.source, one.license, one.num_samples, one.num_pool, one.problem_ids) for one in rows] == [
        ("a", "mit", 1, 2, ("p1", "p2")),
        (None, None, 1, 1, ("p4",)),
        ("a", None, 0, 1, ("p3",)),
        ("b", "mit", 0, 1, ("p5",)),
    ]


def test_forbidden_licence_is_named_with_its_source_rows_and_the_way_out():
    rows = [rows_under("mit"), rows_under("CC-BY-ND-4.0", source="atlas")]
    with pytest.raises(ConfigError) as caught:
        require_licenses(rows, config=PublishingConfig())
    for told in ("7 rows", "'atlas'", "'CC-BY-ND-4.0'", "p1, p2", "ingestion.sources", "publishing.allow_licenses"):
        assert told in str(caught.value)
    assert "mit" not in str(caught.value)


def test_licence_that_the_publisher_has_the_right_to_use_passes():
    rows = [rows_under("CC-BY-ND-4.0")]
    require_licenses(rows, config=PublishingConfig(allow_licenses=("CC-BY-ND-4.0",)))
    with pytest.raises(ConfigError):
        require_licenses(rows, config=PublishingConfig(allow_licenses=("CC-BY-ND-3.0",)))


def test_unstated_licence_is_listed_or_refused():
    rows = [rows_under(None, source="attic")]
    require_licenses(rows, config=PublishingConfig())
    with pytest.raises(ConfigError, match=r"no licence is stated of 7 rows of 'attic'.*p1"):
        require_licenses(rows, config=PublishingConfig(unstated_licenses="refuse"))


@pytest.mark.parametrize(
    ("own", "theirs", "is_met"),
    [
        ("apache-2.0", "mit", True),
        ("mit", "cc-by-sa-4.0", False),
        ("cc-by-nc-sa-4.0", "cc-by-sa-4.0", False),
        ("cc-by-sa-4.0", "CC BY-SA 3.0", True),
        ("mit", "cc-by-nc-4.0", False),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", True),
        ("other", "cc-by-nc-sa-4.0", True),
        ("mit", "unknown terms", True),
    ],
)
def test_own_licence_of_a_set_has_to_meet_those_of_its_rows(own: str, theirs: str, is_met: bool):
    config = PublishingConfig(license=own)
    if is_met:
        require_licenses([rows_under(theirs)], config=config)
    else:
        with pytest.raises(ConfigError, match=f"publishing.license = '{own}' does not meet"):
            require_licenses([rows_under(theirs)], config=config)


def test_obligations_are_share_alike_and_non_commercial_once_each():
    rows = [rows_under(text) for text in ("CC-BY-SA-4.0", "cc by sa 3.0", "mit", "cc-by-nc-4.0", None)]
    assert [one.name for one in obligations(rows)] == ["CC-BY-NC", "CC-BY-SA"]


def test_licence_of_recorded_chains_counts_where_a_sample_has_one():
    def source(**fields: Any) -> Source:
        return Source(path="c.jsonl", columns={"question": "q", "chain": "c"}, **fields)

    sources = [source(name="open", license="mit"), source(name="closed", license="all rights reserved")]
    samples = pl.DataFrame({"problem_id": ["p1", "p2"], "finish_reason": ["recorded", "stop"]})
    found = licensed_chains(sources, samples)
    assert [(one.source, one.num_samples, one.problem_ids) for one in found] == [
        ("chains of open", 1, ("p1",)),
        ("chains of closed", 1, ("p1",)),
    ]
    with pytest.raises(ConfigError, match="chains of closed"):
        require_licenses(found, config=PublishingConfig())
    assert licensed_chains(sources, samples.filter(finish_reason="stop")) == []


def test_licence_that_a_run_file_states_is_refused_before_the_run():
    closed = Source(path="a.jsonl", name="atlas", columns={"question": "q"}, license="CC BY-NC-ND 4.0")
    silent = closed.model_copy(update={"name": "attic", "license": None})
    with pytest.raises(ConfigError, match=r"'atlas' under 'CC BY-NC-ND 4.0'.*publishing\.allow_licenses"):
        require_source_licenses([silent, closed], config=PublishingConfig())
    require_source_licenses([silent], config=PublishingConfig())
    require_source_licenses([closed], config=PublishingConfig(allow_licenses=("CC BY-NC-ND 4.0",)))


def test_no_source_of_the_catalogue_forbids_to_publish():
    for folder in (SOURCES_FOLDER, CHAINS_FOLDER):
        for source in load_sources(known_names(folder), folder):
            require_source_licenses([source], config=PublishingConfig())
            assert source.license is None or known_license(source.license) is not None


def test_message_stays_short_whatever_the_sources_call_themselves():
    rows = [rows_under("all rights reserved " * 500, source=f"{place}" * 500) for place in range(30)]
    with pytest.raises(ConfigError) as caught:
        require_licenses(rows, config=PublishingConfig())
    assert len(str(caught.value)) < 2_000
    assert "27 more" in str(caught.value)
