r"""Attempts of one solver at many problems, interleaved: no problem waits for another one's.

    4 slots, stop at the second success: `+` solved, `-` failed

    problem 1   attempt 1 ████-     attempt 3 ██████+
                attempt 2 ████████+                      decided by attempts 2 and 3
    problem 2   attempt 1 ██+
                attempt 2 █████-    attempt 3 ███+       decided by attempts 1 and 3

A problem is decided when n of its attempts have succeeded. While f have failed, at least n + f attempts are needed,
whatever the others become: so many are asked for, and each of them is sure to count. A problem that needs its last
success would so take its attempts one by one, and at the end the engine would idle for a few of these. So some more are
asked for that are likely to count, by the pass rate so far (`Trial.advance`).

Attempts are looked at in their order, and what came after the deciding one is not counted. Which attempts are drawn
follows from how they end alone: the order in which they finish changes nothing, and a run that is repeated finds all of
them in the cache. The caller's thread grades, some attempts at a time; meanwhile the engine goes on with what it was
asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Final

from limo_curation.answers import Verdict, compare_many, extract_answer
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.tallies import GradedAttempt, Tally
from limo_curation.engine_config import Solver
from limo_curation.errors import StageError
from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.protocol import as_they_finish, request_for, solver_name

UNGRADED_SHARE: Final = 1 / 32
"""Attempts that wait to be graded together, as a share of those under way (ours): at most so many slots stand empty
for it, and none while more is under way than the engine has slots."""
LIKELY_SHARE: Final = 0.5
"""Of the attempts that the missing successes take at the pass rate so far: so many are asked for at a time (ours, from
`measurements/cascade.py`: 1 % of the attempts are in vain there, 8 % with a share of 2)."""
MAX_UNGRADED: Final = 256
"""However many are under way (ours): a batch with slow comparisons must not hold back too many problems."""


@dataclass(slots=True)
class Trial:
    """One problem before one solver."""

    tally: Tally
    num_asked: int = 0
    graded: dict[int, GradedAttempt] = field(default_factory=dict[int, GradedAttempt])
    """By number; in the order in which they finished."""
    num_counted: int = 0
    """Attempts that count: those before the first that has no verdict yet, and none behind the deciding one."""
    num_solved: int = 0
    """Those of them that succeeded."""

    @property
    def counted(self) -> list[GradedAttempt]:
        """The attempts that count, in their order."""
        return [self.graded[number] for number in range(self.num_counted)]

    def advance(self, *, num_needed: int, max_at_once: int) -> int:
        """Count the attempts before the first one without a verdict, and return how many are wanted in all.

        Args:
            num_needed: successes that decide the problem.
            max_at_once: attempts that may be under way at the same time.
        """
        num_graded = len(self.graded)
        num_failed = sum(attempt.verdict is not Verdict.EQUAL for attempt in self.graded.values())
        is_open = num_graded - num_failed < num_needed
        wanted = min(num_needed + num_failed, num_graded + max_at_once) if is_open else 0
        while self.num_counted in self.graded and self.num_solved < num_needed:
            self.num_solved += self.graded[self.num_counted].verdict is Verdict.EQUAL
            self.num_counted += 1
            # step by step, so that no other order of completions would ask for less; Laplace's estimate of the rate
            num_expected = (num_needed - self.num_solved) * (self.num_counted + 2) / (self.num_solved + 1)
            if self.num_solved < num_needed:
                wanted = max(wanted, self.num_counted + min(max_at_once, int(LIKELY_SHARE * num_expected)))
        return wanted


@dataclass(frozen=True, slots=True)
class Draw:
    """An attempt that is under way."""

    trial: Trial
    number: int
    cut_off: Completion | None = None
    """What a first try with a smaller limit has become."""


class Interleaving:
    """The attempts of one solver at some problems, until each problem is decided or has had all of them."""

    def __init__(
        self,
        tallies: Sequence[Tally],
        solver: Solver,
        *,
        num_needed: int,
        max_at_once: int,
        config: DifficultyConfig,
        with_logprobs: bool = False,
    ) -> None:
        """Prepare the first attempts.

        Args:
            tallies: the problems, each with a question of its own.
            solver: who tries them, and how often at most.
            num_needed: successes that decide a problem.
            max_at_once: attempts of one problem that may be under way at the same time.
            config: the policy of comparisons, and whether a cut off attempt is drawn once more.
            with_logprobs: whether the log-probabilities of the tokens are asked for.
        """
        self._solver = solver
        self._name = solver_name(solver)
        self._num_needed = num_needed
        self._max_at_once = max_at_once
        self._config = config
        self._with_logprobs = with_logprobs
        self._ready: deque[SampleRequest] = deque()  # the engine takes from it, maybe in another thread
        self._under_way: dict[SampleRequest, Draw] = {}  # those that are ready, too
        self._finished: list[tuple[Draw, Completion]] = []
        self._num_ungraded = 0  # all that was asked for and has no verdict yet
        self._trials = [Trial(tally) for tally in tallies]
        for trial in self._trials:
            self._ask(trial)

    def run(self, sampler: Sampler) -> list[tuple[Tally, list[GradedAttempt]]]:
        """Draw and grade; return each problem's attempts that count, in their order.

        Raises:
            TransientError, BudgetError: from the sampler.
            StageError: it ended without an answer to each request.
        """
        with closing(as_they_finish(sampler, self._requests())) as completions:
            for completion in completions:
                self._receive(completion)
                num_waiting = len(self._finished)
                # with nothing under way it is graded in any case: the engine would wait for ever
                if num_waiting >= min(MAX_UNGRADED, UNGRADED_SHARE * len(self._under_way)):
                    self._grade()
        if self._num_ungraded:
            raise StageError(f"the engine has left {self._num_ungraded} attempts of {self._name} without a completion")
        return [(trial.tally, trial.counted) for trial in self._trials]

    def _requests(self) -> Iterator[SampleRequest | None]:
        while self._num_ungraded:
            try:
                yield self._ready.popleft()
            except IndexError:
                yield None

    def _ask(self, trial: Trial) -> None:
        """Ask for those attempts of a problem that are wanted, and were not asked for yet."""
        wanted = trial.advance(num_needed=self._num_needed, max_at_once=self._max_at_once)
        wanted = min(wanted, self._solver.num_attempts)
        for number in range(trial.num_asked, wanted):
            request = request_for(
                self._solver,
                problem_id=trial.tally.problem_id,
                question=trial.tally.question,
                attempt=number,
                with_logprobs=self._with_logprobs,
            )
            self._num_ungraded += 1  # before the engine can see the request
            self._under_way[request] = Draw(trial, number)
            self._ready.append(request)  # behind those of the other problems: all come to their end at the same time
        trial.num_asked = max(trial.num_asked, wanted)

    def _receive(self, completion: Completion) -> None:
        """Put a completion with those to be graded, or ask for a longer one in its place."""
        draw = self._under_way.pop(completion.request)
        factor = self._config.truncated_retry_factor
        if factor is not None and completion.is_truncated and draw.cut_off is None:
            longer = replace(completion.request, max_tokens=factor * self._solver.max_tokens)
            self._under_way[longer] = replace(draw, cut_off=completion)
            self._ready.append(longer)
        else:
            self._finished.append((draw, completion))

    def _grade(self) -> None:
        """Grade what has finished, and ask for what is needed after that."""
        finished, self._finished = self._finished, []
        golds = [draw.trial.tally.gold for draw, _ in finished]
        graded = grade([completion for _, completion in finished], golds, policy=self._config.policy)
        for (draw, completion), (verdict, answer) in zip(finished, graded, strict=True):
            draw.trial.graded[draw.number] = self._attempt(draw, completion, verdict, answer)
            self._ask(draw.trial)
        self._num_ungraded -= len(finished)  # after asking: an engine in another thread ends when it sees 0

    def _attempt(self, draw: Draw, completion: Completion, verdict: Verdict, answer: str | None) -> GradedAttempt:
        paid = [completion] if draw.cut_off is None else [draw.cut_off, completion]
        return GradedAttempt(
            solver=self._name,
            number=draw.number,
            answer=answer,
            verdict=verdict,
            num_prompt_tokens=sum(one.num_prompt_tokens for one in paid),
            num_completion_tokens=sum(one.num_completion_tokens for one in paid),
            is_truncated=completion.is_truncated,
            mean_logprob=completion.mean_logprob,
        )


def grade(
    completions: Sequence[Completion], golds: Sequence[str], *, policy: AnswerPolicy
) -> list[tuple[Verdict, str | None]]:
    """Return each attempt's verdict and answer; one that was cut off has failed, whatever stands in it."""
    answers = [None if completion.is_truncated else extract_answer(completion.text) for completion in completions]
    pairs = list(zip(answers, golds, strict=True))
    distinct = list(dict.fromkeys(pair for pair in pairs if pair[0] is not None))
    predicted, compared = [answer for answer, _ in distinct], [gold for _, gold in distinct]
    verdicts = dict(zip(distinct, compare_many(predicted, compared, policy=policy), strict=True))
    return [(verdicts.get(pair, Verdict.DIFFERENT), pair[0]) for pair in pairs]
