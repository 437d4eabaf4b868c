"""Ask judges for the grades of chains: L1..L5 and LIMO's four axes, each with a reason.

Each judge grades each chain as often as it has seeds. A reply counts if it is one JSON object of exactly the asked-for
shape; anything else counts as unparsed and says nothing of the chain. From the grades of a chain follow

    judge_level     the median; of two in the middle the lower one, so that no tie lifts a chain
    judge_score     the level, and within it the axes: (level - 1 + mean of the axes by LIMO's weights) / 5, in [0, 1]

A chain of which no reply could be read has neither: it is unscored, which is not zero.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, TypeVar, cast, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limo_curation.engine_config import Solver
from limo_curation.errors import JudgeError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.judge_prompt import as_data, grade_prompt, template
from limo_curation.judging_config import AxisWeights
from limo_curation.progress import Progress
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest, request_for, solver_name
from limo_curation.sampling.usage import Usage
from limo_curation.store import json_digest

logger = logging.getLogger(__name__)

Level = Literal["L1", "L2", "L3", "L4", "L5"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
LEVEL_WIDTH: Final = 1 / len(LEVELS)
"""Of a level on the scale of [0, 1]. A factor, since Polars divides one row by other means than many, and the last bit
of a quotient would depend on the size of a part."""
AXES: Final = tuple(AxisWeights.model_fields)
FULL_SCORE: Final = 10  # of an axis
MAX_REPLY_CHARACTERS: Final = (
    20_000  # ours: bounded as they are, reasons and escapes take less; deep nesting costs time
)
END_OF_THOUGHT: Final = "</think>"  # reasoning models write their thoughts in front of the reply

JUDGEMENTS: Final = pl.Schema(
    {
        "chain_id": pl.String,
        "judge": pl.String,
        "attempt": pl.Int64,  # the number of the judge's seed, from 0
        "level": pl.Int64,  # 1 to 5; null: the reply could not be read
        **dict.fromkeys(AXES, pl.Int64),  # 0 to 10
        "reasons": pl.String,
        "shown_fraction": pl.Float64,  # of the chain's characters
        "num_prompt_tokens": pl.Int64,
        "num_completion_tokens": pl.Int64,
        "num_truncated": pl.Int64,  # 1: the reply was cut off
    }
)
"""One row for each chain, judge and seed."""


class Reply(BaseModel):
    """What every reply of a judge is held to, by the server and when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


AnyReply = TypeVar("AnyReply", bound=Reply)


class AxisGrade(Reply):
    """A judge's grade of one axis."""

    reason: Annotated[str, Field(max_length=200)]
    score: Annotated[int, Field(ge=0, le=FULL_SCORE)]


class Grades(Reply):
    """A judge's reply; the reasons stand first, so that the grades follow from them."""

    elaboration: AxisGrade
    self_verification: AxisGrade
    exploration: AxisGrade
    adaptive_granularity: AxisGrade
    reason: Annotated[str, Field(max_length=400)]
    level: Level

    def axis(self, name: str) -> AxisGrade:
        """Return the grade of one axis."""
        return getattr(self, name)

    def told(self) -> str:
        """Return level, scores and reasons as one line without hidden characters."""
        grades = [f"{name} {self.axis(name).score}: {self.axis(name).reason}" for name in AXES]
        return " | ".join(as_data(" ".join(part.split())) for part in [f"{self.level}: {self.reason}", *grades])


# -- asking ------------------------------------------------------------------------------------------------------------


def ask_judges(
    parts: Sequence[pl.LazyFrame], *, config: JudgeConfig, sampler: Sampler, progress: Progress | None = None
) -> pl.DataFrame:
    """Let every judge grade every chain, with the requests of all parts in one stream: no part's end is waited for.

    A part is read when the engine comes to it: of all texts, one part and the requests that are taken ahead (the
    request cache takes some 20,000) are in memory. One judge is asked about all chains before the next one is, since
    an engine may hold one model at a time.

    Args:
        parts: `chain_id`, `question` and `chain` (null counts as empty), read once for each judge; a chain that stands
            there twice is asked about once.
        config: the panel.
        sampler: the engine that serves its models.
        progress: is told of each reply.

    Returns:
        A JUDGEMENTS table, judge by judge, each in the order of the chains.

    Raises:
        TransientError, BudgetError: from the sampler. What was answered is in the request cache.
    """
    asked: deque[tuple[str, JudgeModel, float]] = deque()  # in the order in which completions come back

    def requests() -> Iterator[SampleRequest]:
        for judge in config.models:
            for chain_id, question, chain in distinct_chains(parts):
                prompt = grade_prompt(question, chain, max_chain_characters=config.max_chain_characters)
                for attempt in range(judge.num_seeds):
                    asked.append((chain_id, judge, prompt.shown_fraction))
                    yield judge_request(judge, prompt.text, Grades, chain_id, attempt)

    judged: list[tuple[object, ...]] = []
    for done in sampler.sample(requests()):
        chain_id, judge, shown = asked.popleft()
        judged.append((chain_id, judge_name(judge), done.request.attempt, *graded(done), shown, *cost_of(done)))
        if progress is not None:
            progress.advance(1)
    table = pl.DataFrame(judged, schema=JUDGEMENTS, orient="row")
    logger.info("%d replies of judges, %d unparsed", table.height, table["level"].null_count())
    return table


def distinct_chains(parts: Iterable[pl.LazyFrame]) -> Iterator[tuple[str, str, str]]:
    """Yield id, question and text of each chain once, part by part."""
    known: set[str] = set()
    for part in parts:
        rows = part.select("chain_id", pl.col("question", "chain").fill_null("")).collect()
        for chain_id, question, chain in rows.iter_rows():
            if chain_id not in known:
                known.add(chain_id)
                yield chain_id, question, chain


def judge_name(judge: JudgeModel) -> str:
    """Return a judge's name: the Hub id, or the last part of a local folder."""
    return solver_name(as_solver(judge))


def as_solver(judge: JudgeModel) -> Solver:
    """Return a judge as one who is sampled: an attempt is a reply."""
    return Solver(num_attempts=judge.num_seeds, **judge.model_dump(exclude={"num_seeds"}))


def judge_request(judge: JudgeModel, prompt: str, reply: type[Reply], about: str, attempt: int) -> SampleRequest:
    """Return the request of one reply; its seed follows from judge, what it is about and attempt."""
    request = request_for(as_solver(judge), problem_id=about, question=prompt, attempt=attempt)
    return replace(request, json_schema=schema_text(reply))


def schema_text(reply: type[Reply]) -> str:
    """Return the JSON schema of a reply, as JSON text; its fields in the order in which they are to be written."""
    return json.dumps(reply.model_json_schema())


def rubric_digest() -> str:
    """Return what identifies the questions: a digest of both prompts and of the asked-for shape of a grading."""
    return json_digest([template("grade"), template("compare"), schema_text(Grades)])[:32]


def panel_digest(config: JudgeConfig, sampler: Sampler) -> str:
    """Return what identifies the judges with all that their grades depend on: a calibration holds for these alone."""
    models = [
        judge.model_dump(mode="json", exclude={"model"}) | {"revision": sampler.revision(judge.model)}
        for judge in config.models
    ]
    return json_digest([models, config.max_chain_characters, rubric_digest()])[:32]


# -- reading -----------------------------------------------------------------------------------------------------------


def read_reply(completion: Completion, reply: type[AnyReply]) -> AnyReply:
    """Read a judge's reply.

    Raises:
        JudgeError: it was cut off, or it is not one JSON object of exactly this shape.
    """
    if completion.is_truncated:
        raise JudgeError(f"the reply was cut off after {completion.num_completion_tokens} tokens; raise max_tokens")
    text = completion.text.rpartition(END_OF_THOUGHT)[2].strip()
    if len(text) > MAX_REPLY_CHARACTERS:
        raise JudgeError(f"the reply has {len(text)} characters, {MAX_REPLY_CHARACTERS} at the most are read")
    try:
        # not by pydantic's own parser, which takes the last of two equal keys; and not `strict`, since vLLM lets
        # control characters stand in a string of bounded length
        return reply.model_validate(json.loads(text, object_pairs_hook=distinct_keys, strict=False))
    except RecursionError:
        raise JudgeError("the reply is nested too deeply") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "reply"
        raise JudgeError(f"{place}: {first['msg']}") from None
    except ValueError as error:
        raise JudgeError(f"the reply is no JSON: {error}") from None


def distinct_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: it names a key twice, so that it would say two things.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return fields


def graded(completion: Completion) -> tuple[int | None, ...]:
    """Return level, axes and reasons as a JUDGEMENTS row has them; all null where the reply could not be read."""
    try:
        grades = read_reply(completion, Grades)
    except JudgeError as error:
        logger.debug("unparsed: %s", error)
        return (None,) * (len(AXES) + 2)
    row = [LEVELS.index(grades.level) + 1, *(grades.axis(name).score for name in AXES), grades.told()]
    return tuple(cast("list[int | None]", row))


def cost_of(*replies: Completion) -> tuple[int, int, int]:
    """Return prompt tokens, completion tokens, and how many of the replies were cut off."""
    return (
        sum(one.num_prompt_tokens for one in replies),
        sum(one.num_completion_tokens for one in replies),
        sum(one.is_truncated for one in replies),
    )


# -- what follows from all grades of a chain ---------------------------------------------------------------------------


def aggregate(judgements: pl.DataFrame, *, weights: AxisWeights = AxisWeights()) -> pl.DataFrame:  # noqa: B008 (frozen)
    """Bring all grades of a chain together.

    Args:
        judgements: a JUDGEMENTS table.
        weights: of the axes within a level.

    Returns:
        One row for each chain, in order of first appearance: chain_id; judge_level (L1..L5) and judge_score (in
        [0, 1]), both null where no reply could be read; num_judgements (replies that were read) and num_unparsed;
        judge_reasons (a line for each reply that was read); judge_shown_fraction (of the chain's characters).
    """
    axes = pl.sum_horizontal(pl.col(axis) * (weight / FULL_SCORE) for axis, weight in weights.model_dump().items())
    was_read = pl.col("level").is_not_null()
    totals = judgements.group_by("chain_id", maintain_order=True).agg(
        level=pl.col("level").quantile(0.5, "lower").cast(pl.Int64),
        axes=axes.filter(was_read).mean(),
        num_judgements=was_read.sum().cast(pl.Int64),
        num_unparsed=(~was_read).sum().cast(pl.Int64),
        judge_reasons=pl.format("{}, {}", "judge", "reasons").filter(was_read).str.join("\n"),
        judge_shown_fraction=pl.col("shown_fraction").min(),
    )
    return totals.select(
        "chain_id",
        judge_level=pl.format("L{}", "level"),
        judge_score=((pl.col("level") - 1 + pl.col("axes")) * LEVEL_WIDTH).clip(0.0, 1.0),
        num_judgements="num_judgements",
        num_unparsed="num_unparsed",
        judge_reasons=pl.when(pl.col("num_judgements") > 0).then("judge_reasons"),
        judge_shown_fraction="judge_shown_fraction",
    )


def usages(
    replies: pl.DataFrame, *, config: JudgeConfig, role: str, about: Sequence[str], replies_in_row: int = 1
) -> dict[str, Usage]:
    """Return what each judge's replies cost: under `<role>_1` for the first judge, and so on.

    Args:
        replies: `judge`, `num_prompt_tokens`, `num_completion_tokens` and `num_truncated`, one row for what was asked.
        config: the panel.
        role: what the judges were asked for.
        about: the columns that name what was asked about; each of these counts as a problem.
        replies_in_row: how many replies a row stands for.
    """
    found: dict[str, Usage] = {}
    for place, judge in enumerate(config.models, 1):
        own = replies.filter(pl.col("judge") == judge_name(judge))
        found[f"{role}_{place}"] = Usage(
            num_problems=own.select(about).n_unique(),
            num_attempts=replies_in_row * own.height,
            num_prompt_tokens=int(own["num_prompt_tokens"].sum()),
            num_completion_tokens=int(own["num_completion_tokens"].sum()),
            num_truncated=int(own["num_truncated"].sum()),
        )
    return found
