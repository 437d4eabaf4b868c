"""What a set has cost: the tokens of the manifests by stage, role and model, and GPU-hours where a GPU was held."""

from pathlib import Path

import pytest

from limo_curation.config import RunConfig
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging_config import JudgingConfig
from limo_curation.problem_config import ParaphraseJudge
from limo_curation.publishing.cost import ModelCost, asked_models, cost_of, gpu_hours, token_costs
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Manifest, Store
from tests.pilot_run import make_run, pilot_config

TINY = "limo_curation/demo/models/tiny-strong"


def test_every_model_of_a_run_is_told_once_in_the_order_of_the_work(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    record = make_run(store, config, rows=600)
    costs = token_costs(store, record, config)
    assert [(cost.stage, cost.role, cost.model) for cost in costs] == [
        ("difficulty", "weak_1", "tiny/weak-7B"),
        ("difficulty", "strong", "tiny/strong-32B"),
        ("generation", "teacher_1", "tiny/teacher-32B"),
    ]
    manifest = store.manifest("difficulty", record.artifacts["difficulty"].key)
    assert manifest is not None
    weak = costs[0]
    assert weak.num_completion_tokens == manifest.metrics["weak_1_num_completion_tokens"] > 0
    assert (weak.num_attempts, weak.num_prompt_tokens) == (4 * manifest.rows_in, 400 * manifest.rows_in)


def with_judges(config: RunConfig) -> RunConfig:
    judge = JudgeConfig(models=(JudgeModel(model="a/judge"), JudgeModel(model=TINY)), weight=0.0)
    paraphrase = ParaphraseJudge(model="a/reader")
    return config.model_copy(
        update={
            "judging": JudgingConfig(judge=judge),
            "decontamination": config.decontamination.model_copy(update={"paraphrase": paraphrase}),
        }
    )


def test_judges_and_the_reader_of_paraphrases_are_asked_too():
    asked = asked_models(with_judges(pilot_config()))
    assert asked[0] == ("paraphrase", "decontamination", "a/reader")
    assert asked[-4:] == [
        ("judge_1", "judging", "a/judge"),
        ("comparison_1", "judging", "a/judge"),
        ("judge_2", "judging", TINY),
        ("comparison_2", "judging", TINY),
    ]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    store = Store(str(tmp_path))
    record = make_run(store, pilot_config(), rows=10, until="decontamination")
    found = store.manifest("decontamination", record.artifacts["decontamination"].key)
    assert found is not None
    return found


def test_prompts_that_nobody_has_counted_are_not_told_as_none_read(manifest: Manifest):
    metrics = {"num_pairs_judged": 3.0, "num_sampled_tokens": 40.0}
    told = cost_of("paraphrase", "decontamination", "a/reader", manifest.model_copy(update={"metrics": metrics}))
    assert told == ModelCost("decontamination", "paraphrase", "a/reader", 6, None, 40)


def test_role_that_asked_nothing_is_left_out_and_a_local_model_has_its_name_alone(manifest: Manifest):
    metrics = {"judge_1_num_attempts": 2.0, "judge_1_num_prompt_tokens": 9.0, "judge_1_num_completion_tokens": 5.0}
    asked = manifest.model_copy(update={"metrics": metrics})
    assert cost_of("comparison_1", "judging", TINY, asked) is None
    assert cost_of("judge_1", "judging", TINY, asked) == ModelCost("judging", "judge_1", "tiny-strong", 2, 9, 5)


def test_hours_of_all_attempts_at_a_run_are_added_up_by_name(tmp_path: Path):
    store = Store(str(tmp_path))
    record = make_run(store, pilot_config(), rows=10)
    assert gpu_hours(store, record) == {}
    for seconds in (1_800.0, 3_600.0):
        account = SpendingRecord(store, record.name)
        account.save(Spending(gpu_seconds={"b": seconds, "a": 0.0, TINY: 360.0, str(Path(TINY).resolve()): 360.0}))
    assert gpu_hours(store, record) == {"b": 1.5, "tiny-strong": pytest.approx(0.4)}
