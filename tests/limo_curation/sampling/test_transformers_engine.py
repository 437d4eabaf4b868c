"""The embedded engine on the demo's two tiny models: the same draws as transformers, the same text in any batch."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError, StageError
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.protocol import model_folder
from limo_curation.sampling.transformers_engine import TransformersSampler, batches, choose, load, stop_tokens
from tests.asking import Asker

pytestmark = pytest.mark.models
torch: Any = pytest.importorskip("torch")

WEAK, STRONG = "limo_curation/demo/models/tiny-weak", "limo_curation/demo/models/tiny-strong"
QUESTIONS = [  # of different lengths, so that a batch is padded
    "Find the remainder when 47 is divided by 5.",
    "Anna has 3 apples and buys 4 more at the market. How many apples does Anna have afterwards?",
    "A printer makes 12 pages in one minute. At this speed, find the number of pages made in 9 minutes.",
    "The function f is given by f(x) = 7x + 5. Work out the value of f(6) as a whole number.",
    "x = 5?",
]


@pytest.fixture(scope="module")
def sampler() -> TransformersSampler:
    return TransformersSampler(batch_size=16)


def request(question: str, *, seed: int = 0, temperature: float = 1.0, **changes: Any) -> SampleRequest:
    asked = SampleRequest(WEAK, question, temperature, top_p=1.0, max_tokens=60, seed=seed, attempt=0)
    return replace(asked, **changes)


def texts(sampler: TransformersSampler, *requests: SampleRequest) -> list[str]:
    return [done.text for done in sampler.sample(requests)]


@pytest.mark.parametrize("model", [WEAK, STRONG])
def test_greedy_text_is_the_one_that_transformers_generates(sampler: TransformersSampler, model: str) -> None:
    loaded, tokenizer = load(model)
    done = list(sampler.sample([request(question, temperature=0, model=model) for question in QUESTIONS]))
    for question, completion in zip(QUESTIONS, done, strict=True):
        messages = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        output = loaded.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=60,
        )
        tokens = output[0, inputs["input_ids"].shape[1] :].tolist()
        assert completion.text == tokenizer.decode(tokens, skip_special_tokens=True)
        assert completion.num_completion_tokens == len(tokens)
        assert completion.num_prompt_tokens == inputs["input_ids"].shape[1]
        assert completion.finish_reason == ("stop" if tokens[-1] in stop_tokens(loaded, tokenizer) else "length")


def test_text_depends_on_the_seed_and_not_on_the_batch(sampler: TransformersSampler) -> None:
    requests = [request(question, seed=seed) for seed in range(6) for question in QUESTIONS]
    together = texts(sampler, *requests)
    assert [texts(sampler, one)[0] for one in requests] == together
    assert texts(TransformersSampler(batch_size=7), *requests[::-1]) == together[::-1]
    by_question = [set(together[start :: len(QUESTIONS)]) for start in range(len(QUESTIONS))]
    assert sum(len(different) for different in by_question) > 2 * len(QUESTIONS)


def test_order_is_kept_over_models_and_settings(sampler: TransformersSampler) -> None:
    requests = [  # neighbours differ in one setting only, so none may be drawn with another's
        request(question, model=model, temperature=temperature, top_p=top_p)
        for model, question in itertools.product((WEAK, STRONG), QUESTIONS[:3])
        for temperature, top_p in ((0.0, 1.0), (1.5, 1.0), (1.5, 0.1))
    ]
    done = list(sampler.sample(requests))
    assert [one.request for one in done] == requests
    assert [one.text for one in done] == [texts(sampler, one)[0] for one in requests]


def test_completion_at_its_token_limit_is_called_cut_off(sampler: TransformersSampler) -> None:
    whole, cut, single = sampler.sample(
        [request(QUESTIONS[1]), request(QUESTIONS[1], max_tokens=4), request(QUESTIONS[1], max_tokens=1)]
    )
    assert whole.finish_reason == "stop"
    assert (cut.finish_reason, cut.num_completion_tokens) == ("length", 4)
    assert (single.finish_reason, single.num_completion_tokens) == ("length", 1)
    assert whole.text.startswith(cut.text)  # the limit does not change the draws before it
    assert cut.text.startswith(single.text)


def test_completion_that_ends_on_its_last_token_is_finished(sampler: TransformersSampler) -> None:
    [whole] = sampler.sample([request(QUESTIONS[1])])
    [exact] = sampler.sample([request(QUESTIONS[1], max_tokens=whole.num_completion_tokens)])
    assert (exact.text, exact.finish_reason) == (whole.text, "stop")


def test_system_prompt_reaches_the_model(sampler: TransformersSampler) -> None:
    plain, told = sampler.sample([request("x = 5?"), request("x = 5?", system_prompt="Be brief.")])
    assert told.num_prompt_tokens > plain.num_prompt_tokens


def test_first_tokens_follow_the_models_distribution(sampler: TransformersSampler) -> None:
    num_draws = 600
    loaded, tokenizer = load(WEAK)
    messages = [{"role": "user", "content": QUESTIONS[1]}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.inference_mode():
        expected = torch.softmax(loaded(**inputs).logits[0, -1].double(), dim=-1)
    drawn: Counter[str] = Counter(
        texts(
            TransformersSampler(batch_size=num_draws),
            *[request(QUESTIONS[1], seed=seed, max_tokens=1) for seed in range(num_draws)],
        )
    )
    likely = [token for token in expected.topk(20).indices.tolist() if expected[token] * num_draws >= 5]
    assert len(likely) >= 2, "this prompt has one likely first token only: it shows nothing"
    chi_square = sum(
        (drawn[tokenizer.decode([token])] - float(expected[token]) * num_draws) ** 2
        / (float(expected[token]) * num_draws)
        for token in likely
    )
    assert chi_square < 3 * len(likely)  # about len(likely) is to be expected; the seeds are fixed
    assert sum(drawn[tokenizer.decode([token])] for token in likely) > num_draws * 0.9


# -- choose ------------------------------------------------------------------------------------------------------------

PROBABILITIES = [0.1, 0.5, 0.0, 0.3, 0.1]
GRID = [index / 1_000 for index in range(1_000)]


def shares(*, temperature: float = 1.0, top_p: float = 1.0) -> dict[int, float]:
    logits = torch.tensor([PROBABILITIES]).log().repeat(len(GRID), 1)
    chosen = choose(logits, GRID, temperature=temperature, top_p=top_p)
    return {token: count / len(GRID) for token, count in sorted(Counter(chosen.tolist()).items())}


def test_uniform_draws_give_each_token_its_probability() -> None:
    assert shares() == pytest.approx({0: 0.1, 1: 0.5, 3: 0.3, 4: 0.1}, abs=0.002)


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (0.4, {1: 1.0}),  # the likeliest token alone has more
        (0.75, {1: 0.625, 3: 0.375}),  # the token that crosses the limit is still inside
        (0.85, {0: 1 / 9, 1: 5 / 9, 3: 3 / 9}),  # of two equal ones the first is enough
        (1e-9, {1: 1.0}),
    ],
)
def test_top_p_draws_from_the_nucleus_only(top_p: float, expected: dict[int, float]) -> None:
    assert shares(top_p=top_p) == pytest.approx(expected, abs=0.002)


def test_low_temperature_sharpens_and_zero_takes_the_likeliest() -> None:
    assert shares(temperature=0) == {1: 1.0}
    squares = [probability**2 for probability in PROBABILITIES]
    expected = {token: squares[token] / sum(squares) for token in (0, 1, 3, 4)}
    assert shares(temperature=0.5) == pytest.approx(expected, abs=0.002)


def test_draws_at_the_ends_never_pick_an_impossible_token() -> None:
    logits = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]]).log().repeat(2, 1)
    assert choose(logits, [0.0, 1 - 2**-53], temperature=1.0, top_p=1.0).tolist() == [1, 3]
    assert choose(logits, [0.0, 1 - 2**-53], temperature=1.0, top_p=0.9).tolist() == [1, 3]


# -- batches -----------------------------------------------------------------------------------------------------------


def test_batch_holds_what_is_alike_and_ends_where_the_next_request_is_held_back() -> None:
    one, two, other = request("1"), request("2"), request("3", temperature=0.5)
    asked = [one, two, one, other, None, two, two, other]
    assert list(batches(asked, size=2)) == [[one, two], [one], [other], [two, two], [other]]
    assert list(batches([], size=2)) == []


@pytest.mark.parametrize("first", [[], [request("1")] * 2, [request("1"), None]])
def test_request_that_is_held_back_for_nothing_is_an_error_of_the_caller(first: list[SampleRequest | None]) -> None:
    with pytest.raises(StageError, match="holds its next request back"):
        list(batches([*first, None], size=2))


def test_attempt_may_depend_on_the_one_before(sampler: TransformersSampler) -> None:
    def request_for(number: int, attempt: int) -> SampleRequest:
        return request(QUESTIONS[number], seed=attempt, attempt=attempt)

    asker = Asker(len(QUESTIONS), num_times=3, request_for=request_for)
    assert sorted(asker.ask(sampler.sample)) == sorted(asker.in_order())
    assert asker.num_held_back <= 3  # a round of all questions is one batch


# -- loading -----------------------------------------------------------------------------------------------------------


def test_model_that_is_not_there_is_named(tmp_path: Path, sampler: TransformersSampler) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(ConfigError, match=f"the model {absent} can't be loaded"):
        list(sampler.sample([request("q", model=absent)]))


def test_revision_follows_what_can_change_a_text(tmp_path: Path) -> None:
    original = model_folder(WEAK)
    assert original is not None
    folder = Path(shutil.copytree(original, tmp_path / "elsewhere" / "tiny-weak"))
    before = TransformersSampler(batch_size=1).revision(str(folder))
    assert before == TransformersSampler(batch_size=9).revision(WEAK)  # wherever the folder stands
    (folder / "README.md").write_text("notes")
    assert TransformersSampler(batch_size=1).revision(str(folder)) == before
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace("assistant", "helper"))  # the chat template
    assert TransformersSampler(batch_size=1).revision(str(folder)) != before


def test_a_model_that_was_saved_in_training_with_its_cache_switched_off_writes_the_same(
    sampler: TransformersSampler, tmp_path: Path
) -> None:
    folder = tmp_path / "tuned"
    shutil.copytree(WEAK, folder)
    for name in ("config.json", "generation_config.json"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace('"use_cache": true', '"use_cache": false'), encoding="utf-8")
    asked = [request(question) for question in QUESTIONS]

    written = texts(sampler, *[replace(one, model=str(folder)) for one in asked])

    assert written == texts(sampler, *asked)
