"""Every stage of the pipeline, one after the other, on forty made-up problems and with a hand-written sampler."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from limo_curation.config import DemandConfig, DifficultyConfig, GenerationConfig, VerificationConfig
from limo_curation.decontamination import DECONTAMINATION
from limo_curation.deduplication import DEDUPLICATION
from limo_curation.difficulty import DIFFICULTY
from limo_curation.difficulty.demand import DIFFICULTY_ON_DEMAND
from limo_curation.domains import DOMAIN_STAGE
from limo_curation.engine_config import Solver
from limo_curation.generation import GENERATION
from limo_curation.ingestion import BENCHMARK_INGESTION, CHAIN_INGESTION, INGESTION, content_of_sources
from limo_curation.judging.rules import JUDGING
from limo_curation.judging_config import JudgingConfig
from limo_curation.novelty import NOVELTY
from limo_curation.problem_config import (
    DecontaminationConfig,
    DeduplicationConfig,
    DomainsConfig,
    IngestionConfig,
    NoveltyConfig,
    ScreeningConfig,
    StageConfig,
)
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.screening import SCREENING
from limo_curation.selection import SELECTION
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Source
from limo_curation.stage import Stage, StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.verification import VERIFICATION

STAGES: tuple[Stage, ...] = (
    INGESTION,
    SCREENING,
    DEDUPLICATION,
    BENCHMARK_INGESTION,
    DECONTAMINATION,
    NOVELTY,
    DOMAIN_STAGE,
    DIFFICULTY,
    CHAIN_INGESTION,
    GENERATION,
    VERIFICATION,
    JUDGING,
    SELECTION,
)
ON_DEMAND = "difficulty on demand"
"""The label of a branch: the same stage by name, after the domains too; nothing follows it."""
STRONG = Solver(model="strong", num_attempts=8, max_tokens=50, temperature=1.0)
KINDS = (
    "A farmer sells {a} baskets and later {b} more. How many baskets are sold in total?",
    "In a triangle two sides measure {a} and {b}. What is the sum of these two side lengths?",
    "Find the remainder when the integer {a} is divided by the prime {b}.",
    "How many ways are there to choose one of {a} shirts and one of {b} hats?",
    "A die with {a} faces is thrown {b} times. What is the expected value of the number of throws?",
    "Find the derivative of ${a}x + {b}$ at the point where the slope is taken, then add {b}.",
)


def answer_of(kind: int, a: int, b: int) -> int:
    return (a + b, a + b, a % b, a * b, b, a + b)[kind]


def exercise(index: int) -> dict[str, str | None]:
    kind, a, b = index % 6, 17 + 3 * index, 7 + index
    question = KINDS[kind].format(a=a, b=b) + f" (Exercise of chapter {'abcdefghijkl'[index // 6]})"
    return {"q": question, "gold": str(answer_of(kind, a, b)), "topic": None}


def write_sources(folder: Path, *, num_more: int = 0) -> None:
    """Write a pool of problems with traps among them, `num_more` problems in a file behind it, an exam and chains."""
    rows = [exercise(index) for index in range(36)]
    rows.append({"q": str(rows[3]["q"]).upper(), "gold": rows[3]["gold"], "topic": None})  # exact duplicate
    rows.append({"q": "Prove that the sum of two even integers is even.", "gold": "2k", "topic": None})
    rows.append({"q": "Too short", "gold": "1", "topic": None})
    rows.append({"q": None, "gold": "1", "topic": None})
    lines = [json.dumps(row) for row in rows] + ["{broken"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pool.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if num_more:
        more = [json.dumps(exercise(36 + index)) for index in range(num_more)]
        (folder / "pool.more.jsonl").write_text("\n".join(more) + "\n", encoding="utf-8")
    (folder / "exam.jsonl").write_text(
        json.dumps({"q": rows[5]["q"], "gold": rows[5]["gold"]}) + "\n", encoding="utf-8"
    )
    chains = [{"q": rows[7]["q"], "text": f"We add. So the answer is \\boxed{{{rows[7]['gold']}}}.", "by": "Ada"}]
    (folder / "chains.jsonl").write_text("".join(json.dumps(one) + "\n" for one in chains), encoding="utf-8")


class SeededSampler:
    """Reaches the right answer in about a third of the strong attempts, decided by the request's seed."""

    def __init__(self, folder: Path) -> None:
        lines = [line for file in folder.glob("pool*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
        rows = [json.loads(line) for line in lines if line != "{broken"]
        self.gold = {row["q"]: row["gold"] for row in rows if row["q"]}
        self.num_requests = 0

    def revision(self, model: str) -> str:
        return f"{model}@1"

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        for request in requests:
            self.num_requests += 1
            is_right = request.model == "strong" and request.seed % 3 == 0
            answer = self.gold[request.question] if is_right else str(10_000 + request.seed % 97)
            text = f"Let me check the sum. Therefore the answer is \\boxed{{{answer}}}."
            yield Completion(request, text, "stop", 10, 12)


def run_pipeline(
    folder: Path, *, part_rows: int = 1_000, num_more: int = 0, store: Store | None = None
) -> dict[str, tuple[StagePlan, Artifact]]:
    """Run all stages on sources below a folder, and in a store there; return each stage's plan and artifact.

    They stand below the stage's name, and below ON_DEMAND.
    """
    write_sources(folder, num_more=num_more)
    store, sampler = store or Store(str(folder / "store")), SeededSampler(folder)
    pool = Source(path=str(folder / "pool*.jsonl"), name="pool", columns={"question": "q", "answer": "gold"})
    exam = Source(path=str(folder / "exam.jsonl"), name="exam", columns={"question": "q", "answer": "gold"})
    told = Source(
        path=str(folder / "chains.jsonl"), name="told", columns={"question": "q", "chain": "text", "teacher": "by"}
    )
    weak = Solver(model="weak", num_attempts=2, max_tokens=50)
    configs: dict[str, StageConfig] = {
        "ingestion": IngestionConfig(sources=(pool,)),
        "screening": ScreeningConfig(),
        "deduplication": DeduplicationConfig(),
        "benchmarks": IngestionConfig(sources=(exam,)),
        "decontamination": DecontaminationConfig(benchmarks=(exam,)),
        "novelty": NoveltyConfig(),
        "domains": DomainsConfig(),
        "difficulty": DifficultyConfig(weak=(weak,), strong=STRONG, max_solved=3),
        "recorded_chains": IngestionConfig(sources=(told,)),
        "generation": GenerationConfig(teachers=(STRONG,), recorded=(told,)),
        "verification": VerificationConfig(),
        "judging": JudgingConfig(),
        "selection": SelectionConfig(target_size=6, when_short="redistribute"),
    }
    side = {"decontamination": ("benchmarks", "benchmarks"), "generation": ("recorded", "recorded_chains")}
    done: dict[str, tuple[StagePlan, Artifact]] = {}
    latest: Artifact | None = None
    for stage in STAGES:
        main = {"chains" if stage.name in ("verification", "judging", "selection") else "problems": latest}
        inputs = {name: artifact for name, artifact in main.items() if artifact is not None and stage.reads is not None}
        if stage.name in side:
            inputs[side[stage.name][0]] = done[side[stage.name][1]][1]
        config = configs[stage.name]
        extra = content_of_sources(config) if isinstance(config, IngestionConfig) else {}
        plan = plan_stage(stage, inputs, config=config, store=store, part_rows=part_rows, extra_inputs=extra)
        artifact = run_stage(plan, **({"sampler": sampler} if stage.name in ("difficulty", "generation") else {}))
        done[stage.name] = (plan, artifact)
        latest = latest if stage.name in ("benchmarks", "recorded_chains") else artifact
    demand = DemandConfig(problems_per_domain=2, round_problems=6, candidates=2)
    config = configs["difficulty"].model_copy(update={"demand": demand})
    plan = plan_stage(
        DIFFICULTY_ON_DEMAND, {"problems": done["domains"][1]}, config=config, store=store, part_rows=part_rows
    )
    done[ON_DEMAND] = (plan, run_stage(plan, sampler=sampler))
    return done


def bytes_of(plan: StagePlan) -> dict[str, str]:
    """Return the SHA-256 of every Parquet file of a stage's entry."""
    folder = Path(plan.store.entry_uri(plan.stage.name, plan.key))
    files = sorted(folder.glob("*/*.parquet"))
    return {f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
