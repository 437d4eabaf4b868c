"""The generated pool: what its rows promise to those who measure with it."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from limo_curation.number_words import NUMBER_WORDS
from limo_curation.tables import SCREENED
from measurements import corpus
from measurements.corpus_edits import edit

ROWS = 20_000
NUMBER = r"\d+(?:[.,]\d+)*"


@pytest.fixture(scope="module")
def pool() -> pl.DataFrame:
    """Return the problems with the truth about them and the text of their originals."""
    problems, truth = corpus.generate(0, ROWS)
    rows = problems.select("problem_id", "question").join(truth, on="problem_id", how="left", maintain_order="left")
    originals = rows.select(made_from=pl.int_range(pl.len()), original="question", original_kind="kind")
    return rows.join(originals, on="made_from", how="left", maintain_order="left").with_row_index("row")


def numbers_in(column: str) -> pl.Expr:
    return pl.col(column).str.extract_all(NUMBER)


def test_problems_have_the_columns_of_a_screened_table() -> None:
    problems, truth = corpus.generate(0, 10)

    assert problems.schema == SCREENED.schema
    assert truth.schema == corpus.TRUTH


def test_rows_do_not_depend_on_the_parts_they_are_made_in() -> None:
    whole = corpus.generate(0, 300)
    parts = [corpus.generate(start, stop) for start, stop in ((0, 1), (1, 120), (120, 300))]

    for half in (0, 1):
        assert pl.concat([part[half] for part in parts]).equals(whole[half])


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("left", "right"):
        assert list(corpus.write_corpus(tmp_path / name, 250, part_rows=100)) == [100, 200, 250]

    names = sorted(path.relative_to(tmp_path / "left") for path in (tmp_path / "left").rglob("*.parquet"))
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "left" / name).read_bytes() == (tmp_path / "right" / name).read_bytes()


def test_another_seed_gives_another_pool() -> None:
    left, right = (corpus.generate(0, 1_000, seed=seed)[0]["question"] for seed in (1, 2))

    assert len(set(left) & set(right)) < 10


def test_ids_are_distinct(pool: pl.DataFrame) -> None:
    assert pool["problem_id"].n_unique() == ROWS
    assert pool["problem_id"].str.contains("^[0-9a-f]{20}$").all()


def test_kinds_have_their_shares(pool: pl.DataFrame) -> None:
    shares = dict(pool.group_by("kind").agg(pl.len() / ROWS).iter_rows())

    expected = {"original": 0.65, "edit": 0.22, "copy": 0.03, "renumbered": 0.10}
    assert shares == {kind: pytest.approx(share, abs=0.01) for kind, share in expected.items()}


def test_every_row_is_made_from_an_earlier_original(pool: pl.DataFrame) -> None:
    made = pool.filter(pl.col("kind") != "original")

    assert (made["made_from"] < made["row"]).all()
    assert (pool["original_kind"] == "original").all()


def test_copies_are_equal_and_edits_keep_the_numbers(pool: pl.DataFrame) -> None:
    copies, edits = (pool.filter(pl.col("kind") == kind) for kind in ("copy", "edit"))

    assert (copies["question"] == copies["original"]).all()
    assert edits.select((numbers_in("question") == numbers_in("original")).all()).item()
    assert edits.select((pl.col("question") != pl.col("original")).mean()).item() > 0.95


def test_edit_does_not_depend_on_what_the_buffers_held_before() -> None:
    text = np.frombuffer(b"a farmer has 3 sheep, an old dog and a cat. how many is that?", np.uint8)
    for seed in range(300):
        edited: set[bytes] = set()
        for filler in (32, 44, 97):
            buffers = np.full((2, 400), filler, np.uint8)
            buffers[0, : len(text)] = text
            length = edit(buffers, len(text), np.uint64(seed))
            edited.add(buffers[0, :length].tobytes())
        assert len(edited) == 1, edited


def test_no_typo_makes_a_number_word(pool: pl.DataFrame) -> None:
    words = pool["question"].str.to_lowercase().str.extract_all("[a-z]+").explode().unique()

    assert set(words) & set(NUMBER_WORDS) == set()


def test_renumbered_problems_keep_the_words_and_change_a_number(pool: pl.DataFrame) -> None:
    renumbered = pool.filter(pl.col("kind") == "renumbered").with_columns(
        pl.col("question", "original").str.replace_all(NUMBER, "#").name.suffix("_words")
    )

    assert (renumbered["question_words"] == renumbered["original_words"]).all()
    assert renumbered.select((numbers_in("question") != numbers_in("original")).all()).item()


def test_digest_is_equal_exactly_where_the_numbers_are(pool: pl.DataFrame) -> None:
    # a thousands separator does not make another number
    values = pool.select("numbers", values=pl.col("question").str.replace_all(r"(\d),(\d)", "$1$2"))
    values = values.with_columns(pl.col("values").str.extract_all(r"\d+(?:\.\d+)?").list.join(" ")).unique()

    assert values["numbers"].n_unique() == values["values"].n_unique() == values.height


def test_counts_of_numbers_follow_the_real_pool(pool: pl.DataFrame) -> None:
    originals = pool.filter(pl.col("kind") == "original")
    counted = originals.select(numbers_in("question").list.len()).to_series()

    assert (counted == originals["num_numbers"]).all()
    assert [(counted == count).mean() for count in range(4)] == pytest.approx([0.049, 0.08, 0.159, 0.172], abs=0.012)
    assert counted.median() == 4
    assert (counted <= 12).mean() == pytest.approx(0.9, abs=0.01)


def test_values_of_numbers_follow_the_real_pool(pool: pl.DataFrame) -> None:
    tokens = pool.select(numbers_in("question").explode()).to_series().drop_nulls()

    lengths = tokens.str.len_chars()
    assert [(lengths == length).mean() for length in (1, 2, 3)] == pytest.approx([0.69, 0.18, 0.07], abs=0.015)
    frequent = tokens.value_counts(sort=True)[tokens.name].head(6).to_list()
    assert frequent == ["2", "1", "3", "0", "4", "5"]


def test_mean_length_is_that_of_short_problems(pool: pl.DataFrame) -> None:
    assert pool["question"].str.len_bytes().mean() == pytest.approx(218, abs=6)


def test_grammar_holds_no_number_of_its_own() -> None:
    text = re.sub(r"^\w+ =|\{\w+\}", "", corpus.GRAMMAR.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = "\n".join(line.split("  #")[0] for line in text.splitlines() if not line.startswith(("#", "[")))

    assert set(re.findall(r"[a-z]+|\d+", text.lower())) & set(NUMBER_WORDS) == set()
    assert re.search(r"\d", text) is None


def test_no_symbol_of_the_grammar_contains_itself() -> None:
    grammar = corpus.read_grammar()
    inside = {symbol: symbols_in(grammar, symbol) for symbol in range(len(grammar.roles))}

    def depth(symbol: int, path: tuple[int, ...]) -> int:
        assert symbol not in path, "the generator would not come to an end"
        return 1 + max((depth(other, (*path, symbol)) for other in inside[symbol]), default=0)

    assert max(depth(symbol, ()) for symbol in inside) <= corpus.kernel.MAX_DEPTH


def symbols_in(grammar: corpus.Grammar, symbol: int) -> set[int]:
    start, stop = grammar.starts[grammar.first[symbol]], grammar.starts[grammar.first[symbol + 1]]
    return {int(byte) - 128 for byte in grammar.data[start:stop] if byte >= 128}


def test_unknown_symbol_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grammar.toml"
    path.write_text('[start]\nstory = ["{nowhere}"]\n', encoding="utf-8")

    with pytest.raises(KeyError, match="nowhere"):
        corpus.read_grammar(path)
