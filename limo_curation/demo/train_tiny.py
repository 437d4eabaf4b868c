"""Train the demo's two solvers, `tiny-weak` and `tiny-strong`, from scratch on one CPU thread in minutes.

    python -m limo_curation.demo.train_tiny --out limo_curation/demo/models

Both are Qwen3-style models of about 0.6M parameters which learn the demo's step language from generated problems and
reference chains. They share everything but the recipe: the weak one sees mostly easy levels and stops early. No problem
of the demo and no problem of the measurement is trained on. The same machine makes the same bytes again.
"""

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from limo_curation.demo.generator import Problem, draw_problem, seeded
from limo_curation.demo.kinds import COMMON_KIND, DOMAINS, KINDS, LEVELS
from limo_curation.demo.problems import write_demo
from limo_curation.demo.tiny_tokenizer import END, write_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

COMMAND = "python -m limo_curation.demo.train_tiny --out limo_curation/demo/models"
BATCH_SIZE = 32
WARM_UP_STEPS = 30
MAX_TOKENS = 512
MAX_NEW_TOKENS = 160
NUM_ATTEMPTS = 8
NUM_MEASURED_PER_CELL = 15
VOCABULARY_SIZE = 1280


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one solver is trained.

    Attributes:
        name: The solver's name and folder.
        num_steps: Optimizer steps of 32 problems each.
        level_weights: How often each level is trained.
        learning_rate: Peak rate, after a short warm-up and before a linear decay to zero.
        seed: Of the weights and of the training problems.
    """

    name: str
    num_steps: int
    level_weights: Mapping[int, float]
    learning_rate: float
    seed: int


RECIPES = (
    Recipe("tiny-weak", 350, {1: 0.6, 2: 0.3, 3: 0.05, 4: 0.05}, 2e-3, 101),
    Recipe("tiny-strong", 1300, {1: 0.12, 2: 0.28, 3: 0.32, 4: 0.28}, 2e-3, 202),
)


class Example(NamedTuple):
    """One training row: the prompt's tokens, then the chain's, of which alone the loss is taken."""

    tokens: list[int]
    num_prompt_tokens: int


class Trained(NamedTuple):
    """A trained solver, the wall-clock seconds it took, and its loss over the last 50 steps."""

    model: "Qwen3ForCausalLM"
    seconds: float
    loss: float


def train_all(out: Path) -> None:
    """Train both solvers, measure them and write them with their tokenizer and a report.

    Args:
        out: Folder that gets `tiny-weak`, `tiny-strong` and `training_report.json`.
    """
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    measured = draw_measured_problems()
    held_out = demo_texts() | {problem.text for problem in measured}
    reports: dict[str, Any] = {}
    for recipe in RECIPES:
        tokenizer = make_tokenizer(out / recipe.name)
        trained = train_solver(recipe, tokenizer, held_out)
        cast("Any", trained.model).save_pretrained(out / recipe.name)
        reports[recipe.name] = {
            "recipe": asdict(recipe),
            "num_parameters": trained.model.num_parameters(),
            "seconds": round(trained.seconds, 1),
            "loss": round(trained.loss, 4),
            "accuracy": measure_accuracy(trained.model, tokenizer, measured),
        }
    report = {"command": COMMAND, "temperature": 1.0, "attempts": NUM_ATTEMPTS, "solvers": reports}
    (out / "training_report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def make_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Train the tokenizer, write it into the folder and load it."""
    from transformers import AutoTokenizer

    rng = seeded("limo-demo-tokenizer")
    texts: list[str] = []
    for kind in (*KINDS, COMMON_KIND):
        for wording in range(4):
            for _ in range(20):
                problem = draw_problem(kind, rng.choice(list(kind.shape.levels)), wording, rng)
                texts += [f"user\n{problem.text}", f"assistant\n{problem.chain(rng)}"]
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, texts, vocabulary_size=VOCABULARY_SIZE, max_tokens=MAX_TOKENS)
    return cast("Any", AutoTokenizer).from_pretrained(folder)


def demo_texts() -> set[str]:
    """Every question of the default demo, planted rows and benchmarks included."""
    with TemporaryDirectory() as folder:
        files = write_demo(Path(folder))
        lines = files.problems.read_text("utf-8").splitlines() + files.benchmarks.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return {row["problem"].strip() for row in rows if "problem" in row}


def draw_measured_problems() -> list[Problem]:
    """Draw the problems that the report's accuracy stands on: 15 for each domain and level."""
    rng = seeded("limo-demo-measured")
    return [
        _draw_of(domain, level, rng) for domain in DOMAINS for level in LEVELS for _ in range(NUM_MEASURED_PER_CELL)
    ]


def render_prompt(question: str) -> str:
    """Write a question as the chat template does, up to where the solver answers."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def draw_training_problems(recipe: Recipe, held_out: Collection[str]) -> Iterator[Problem]:
    """Draw problems without end, even over the domains, leaving out the held-out texts."""
    rng = seeded(f"limo-demo-training-{recipe.seed}")
    weights = [recipe.level_weights[level] for level in LEVELS]
    while True:
        problem = _draw_of(rng.choice(DOMAINS), rng.choices(LEVELS, weights)[0], rng)
        if problem.text not in held_out:
            yield problem


def _draw_of(domain: str, level: int, rng: Random) -> Problem:
    kinds = [kind for kind in (*KINDS, COMMON_KIND) if kind.domain == domain and level in kind.shape.levels]
    return draw_problem(rng.choice(kinds), level, rng.randrange(4), rng)


def build_model(vocabulary_size: int) -> "Qwen3ForCausalLM":
    """Make an untrained Qwen3 of about 0.6M parameters."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=vocabulary_size,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=MAX_TOKENS,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
    )
    return Qwen3ForCausalLM(config)


def train_solver(recipe: Recipe, tokenizer: "PreTrainedTokenizerFast", held_out: Collection[str]) -> Trained:
    """Train one solver from scratch.

    Args:
        recipe: Steps, levels, rate and seed.
        tokenizer: The demo's tokenizer.
        held_out: Questions that must not be trained on.

    Returns:
        The model and what training it took.
    """
    import torch

    cast("Any", torch).manual_seed(recipe.seed)
    model = build_model(len(tokenizer))
    optimizers = _build_optimizers(model, recipe.learning_rate)
    started, losses = time.perf_counter(), list[float]()
    batches = _draw_batches(recipe, tokenizer, held_out)
    for step, examples in zip(range(recipe.num_steps), batches, strict=False):
        loss = _chain_loss(model, examples)
        cast("Any", loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        warm_up, decay = (step + 1) / WARM_UP_STEPS, 2 * (recipe.num_steps - step) / recipe.num_steps
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * min(1.0, warm_up, decay)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    return Trained(model, time.perf_counter() - started, sum(losses[-50:]) / len(losses[-50:]))


def _build_optimizers(model: "Qwen3ForCausalLM", learning_rate: float) -> "list[torch.optim.Optimizer]":
    """Muon for the layers' matrices, AdamW for the embedding and the norms."""
    import torch

    named = list(model.named_parameters())
    matrices = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=5 * learning_rate, momentum=0.95, weight_decay=0.0),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _draw_batches(
    recipe: Recipe, tokenizer: "PreTrainedTokenizerFast", held_out: Collection[str]
) -> Iterator[list[Example]]:
    """Yield batches of examples of similar length, so that little is padded."""
    rng = seeded(f"limo-demo-chains-{recipe.seed}")
    problems = draw_training_problems(recipe, held_out)
    while True:
        examples = [_encode(next(problems), tokenizer, rng) for _ in range(8 * BATCH_SIZE)]
        examples.sort(key=lambda example: len(example.tokens))
        starts = list(range(0, len(examples), BATCH_SIZE))
        rng.shuffle(starts)
        for start in starts:
            yield examples[start : start + BATCH_SIZE]


def _encode(problem: Problem, tokenizer: "PreTrainedTokenizerFast", rng: Random) -> Example:
    prompt: list[int] = cast("Any", tokenizer).encode(render_prompt(problem.text))
    chain: list[int] = cast("Any", tokenizer).encode(problem.chain(rng) + END)
    return Example([*prompt, *chain], len(prompt))


def _chain_loss(model: "Qwen3ForCausalLM", examples: Sequence[Example]) -> "torch.Tensor":
    """Cross-entropy of the chains' tokens; padding stands on the right, where causal attention ignores it."""
    import torch

    longest = max(len(example.tokens) for example in examples)
    tokens = torch.zeros(len(examples), longest, dtype=torch.long)
    in_chain = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, example in enumerate(examples):
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        in_chain[row, example.num_prompt_tokens : len(example.tokens)] = True
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
    predicted = model.lm_head(hidden[:, :-1][in_chain[:, 1:]])
    return torch.nn.functional.cross_entropy(predicted, tokens[:, 1:][in_chain[:, 1:]])


def measure_accuracy(
    model: "Qwen3ForCausalLM", tokenizer: "PreTrainedTokenizerFast", problems: Sequence[Problem]
) -> dict[str, dict[str, float]]:
    """Measure the share of right attempts at temperature 1, by domain and level."""
    right: defaultdict[str, defaultdict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for start in range(0, len(problems), NUM_MEASURED_PER_CELL):
        cell = problems[start : start + NUM_MEASURED_PER_CELL]
        questions = [problem.text for problem in cell for _ in range(NUM_ATTEMPTS)]
        chains = sample_chains(model, tokenizer, questions)
        for index, chain in enumerate(chains):
            problem = cell[index // NUM_ATTEMPTS]
            boxes = re.findall(r"\\boxed\{(.*?)\}\.", chain)
            right[problem.kind.domain][f"level {problem.level}"].append(bool(boxes) and boxes[-1] == problem.answer)
    return {
        domain: {level: round(sum(cell) / len(cell), 3) for level, cell in levels.items()}
        for domain, levels in right.items()
    }


def sample_chains(
    model: "Qwen3ForCausalLM", tokenizer: "PreTrainedTokenizerFast", questions: Sequence[str]
) -> list[str]:
    """Sample one chain at temperature 1 for each question, all in one batch."""
    import torch

    untyped_torch, untyped_model, untyped_tokenizer = cast("tuple[Any, Any, Any]", (torch, model.eval(), tokenizer))
    untyped_torch.manual_seed(0)
    prompts = untyped_tokenizer([render_prompt(question) for question in questions], return_tensors="pt", padding=True)
    tokens = untyped_model.generate(
        **prompts, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=MAX_NEW_TOKENS
    )
    return untyped_tokenizer.batch_decode(tokens[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for both models and the report")
    train_all(parser.parse_args().out)


if __name__ == "__main__":
    main()
