"""The measurement of domains: the peer learns from the other folds only, and speed is measured on the whole pool."""

import polars as pl

from measurements.domains import measure_peer, measure_speed, predict_as_peer


def rows(num_each: int = 40) -> pl.DataFrame:
    texts = [("price of pens", 1), ("triangle with sides", 3), ("prime divisor of", 4)]
    questions = [(f"{text} number {i}", topic) for i in range(num_each) for text, topic in texts]
    return pl.DataFrame(questions, schema=["question", "topic"], orient="row").with_columns(
        is_human=True, fold=pl.int_range(pl.len()) // 3 % 5
    )


def test_peer_that_has_seen_each_kind_is_right_about_the_rest() -> None:
    assert measure_peer(rows(), [0, 1]) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_peer_does_not_know_a_kind_that_is_held_out_as_a_whole() -> None:
    frame = rows()
    classes = frame["topic"].to_numpy()
    held_out = classes == 3
    assert not (predict_as_peer(frame["question"].to_list(), classes, held_out) == 3).any()


def test_speed_is_a_number_of_problems_a_second() -> None:
    assert measure_speed(rows()["question"]) > 1_000
