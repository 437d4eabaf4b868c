"""Training: same rows same weights, near-duplicates in one fold, figures worked out by hand, the report."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from limo_curation.domains import training
from limo_curation.domains.labels import NO_FOLD, folds_of, read_glossary, read_labelled
from limo_curation.domains.network import TOPICS, WEIGHTS, domain_chances, read_network, topic_scores
from limo_curation.folding import texts_of
from limo_curation.tables import DOMAINS

WORDS = (
    "sum price",
    "matrix ring",
    "triangle circle",
    "prime divisor",
    "permutation subset",
    "die chance",
    "limit of f",
)
TOPIC_OF_WORDS = (1, 2, 3, 4, 5, 6, 7)


def tiny_rows(num_each: int = 30) -> pl.DataFrame:
    questions = [
        (f"{words} {'abcdefgh'[i % 8]} {i}", topic)
        for i in range(num_each)
        for words, topic in zip(WORDS, TOPIC_OF_WORDS, strict=True)
    ]
    return pl.DataFrame(questions, schema=["question", "topic"], orient="row").with_columns(
        weight=pl.lit(1.0, pl.Float32), is_human=True, fold=pl.int_range(pl.len()) % 2
    )


def test_same_rows_give_the_same_network_which_tells_them_apart() -> None:
    rows = tiny_rows()
    taught = training.is_taught(rows)
    network, again = (training.train(rows, taught, num_networks=2) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(network, again, strict=True))
    found = topic_scores(texts_of(rows["question"]), network).argmax(axis=1)
    assert found.tolist() == rows["topic"].to_list()


def test_row_that_is_held_out_does_not_train_its_own_network() -> None:
    rows = tiny_rows().with_columns(fold=(pl.col("topic") == 3).cast(pl.Int64))  # all of geometry in one fold
    scores = training.cross_validate(rows, folds=[1], num_networks=1)
    held_out = (rows["fold"] == 1).to_numpy()
    assert np.isnan(scores[~held_out]).all()
    assert (scores[held_out].argmax(axis=1) != 3).all()


def test_near_duplicates_share_a_fold() -> None:
    text = "A farmer sells 12 baskets of apples in the morning and later 7 more. How many baskets are sold in total?"
    others = [f"{'abcdefghijklmnopqrst'[i] * 30} {i} is another text" for i in range(20)]
    folds = folds_of(pl.Series([text, *others, text.replace("apples", "apple"), text.replace("12", "15")]))
    assert folds[0] == folds[-2] == folds[-1]
    assert len(set(folds.tolist())) > 1


def test_glossary_names_each_topic_and_is_in_no_fold() -> None:
    rows = read_glossary()
    assert set(rows["fold"]) == {NO_FOLD}
    assert not rows["is_human"].any()
    assert set(TOPICS) - set(rows["coarse"]) == {"arithmetic_applied", "linear_abstract_algebra"}  # within algebra


def test_figures_are_those_worked_out_by_hand() -> None:
    classes, found = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    assert training.confusion(classes, found)[:3, :3].tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    figures = training.figures_of(classes, found)
    # F1: 2*2/(3+3), 2*2/(2+3), 0; classes that do not occur don't count
    assert figures == {"accuracy": round(4 / 6, 4), "macro_f1": round((2 / 3 + 0.8 + 0) / 3, 4)}
    assert training.class_figures(classes, found)["geometry"] == {"precision": 0.6667, "recall": 1.0, "f1": 0.8}


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    is_right = np.arange(1000) % 4 != 0  # three of four
    assert training.calibration_error(np.full(1000, 0.75), is_right) == pytest.approx(0, abs=1e-9)
    assert training.calibration_error(np.full(1000, 0.95), is_right) == pytest.approx(0.2)


def test_temperature_above_one_is_found_for_scores_that_are_too_sure() -> None:
    scores = np.zeros((1000, len(TOPICS)))
    scores[:, 3] = 8.0  # sure of geometry, which is true of three in four
    classes = np.where(np.arange(1000) % 4 == 0, 2, 1)
    temperature = training.best_temperature(scores, classes)
    assert temperature > 1.5
    chance = domain_chances(scores, temperature=temperature)[0, DOMAINS.index("geometry")]
    assert chance == pytest.approx(0.75, abs=0.03)


def test_report_is_that_of_the_weights_beside_it() -> None:
    report = json.loads(training.REPORT.read_text(encoding="utf-8"))
    assert report["weights_sha256"] == training.sha256(WEIGHTS)
    assert read_network().temperature.tolist() == [report["temperature"]]
    figures = report["cross_validation"]
    assert figures["rows"] == sum(map(sum, figures["confusion"]))
    assert figures["macro_f1"] > 0.82
    assert figures["calibration_error"] < 0.03


@pytest.mark.data
def test_network_agrees_with_people_and_twins_are_in_one_fold(data_folder: Path) -> None:
    rows = read_labelled(data_folder)
    judged = rows.filter(training.is_judged(rows))
    assert judged.height > 25_000
    scores = topic_scores(texts_of(judged["question"]), read_network())
    figures = training.report_of(judged, scores, read_network().temperature.item())
    print({key: figures[key] for key in ("accuracy", "macro_f1", "calibration_error")})
    assert figures["macro_f1"] > 0.88  # of rows that it was trained on; the report has those of rows it was not
    folded = judged.with_columns(pl.col("question").str.to_lowercase().str.replace_all(r"\s+", " "))
    assert folded.group_by("question").agg(pl.col("fold").n_unique())["fold"].max() == 1
