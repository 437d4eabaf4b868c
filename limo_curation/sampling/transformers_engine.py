"""The embedded engine: a small model in this process, on CPU, through transformers.

Each row of a batch draws from its own seed: token by token one uniform number picks from the cumulative distribution,
so a completion depends on its request alone, up to the rounding of batched matrix products.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from limo_curation.errors import ConfigError
from limo_curation.sampling.model_files import folder_revision
from limo_curation.sampling.protocol import Completion, Requests, SampleRequest, held_back_for_ever, model_folder

MAX_SHARE_BEFORE_SHRINKING: Final = 7 / 8  # of the rows still open: selecting rows copies the cache, like one step


class TransformersSampler:
    """Samples models that transformers can load; each is loaded once."""

    def __init__(self, *, batch_size: int) -> None:
        self.batch_size = batch_size
        self._loaded: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    @functools.cache  # noqa: B019 - a sampler lives as long as its process
    def revision(self, model: str) -> str:
        """Return a digest of a local model's files, or a Hub model's name with the commit that it resolves to."""
        folder = model_folder(model)
        if folder is not None:
            return folder_revision(folder)
        loaded, _ = self._load(model)
        return f"{model.partition('@')[0]}@{getattr(loaded.config, '_commit_hash', None)}"

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order, batch by batch; see `Sampler.sample`."""
        for batch in batches(requests, size=self.batch_size):
            yield from self._sample_batch(batch)

    def _load(self, model: str) -> tuple[Any, Any]:
        with self._lock:  # chunks are sampled by several threads
            if model not in self._loaded:
                self._loaded[model] = load(model)
            return self._loaded[model]

    def _sample_batch(self, batch: Sequence[SampleRequest]) -> list[Completion]:
        model, tokenizer = self._load(batch[0].model)
        prompts = [
            tokenizer.apply_chat_template(request.messages(), add_generation_prompt=True, tokenize=False)
            for request in batch
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        ends = stop_tokens(model, tokenizer)
        written = decode(model, inputs["input_ids"], inputs["attention_mask"], batch, ends)
        return [
            Completion(
                request=request,
                text=tokenizer.decode(tokens, skip_special_tokens=True),
                finish_reason="stop" if tokens[-1] in ends else "length",
                num_prompt_tokens=int(num_prompt_tokens),
                num_completion_tokens=len(tokens),
            )
            for request, tokens, num_prompt_tokens in zip(
                batch, written, inputs["attention_mask"].sum(dim=1), strict=True
            )
        ]


def batches(requests: Requests, *, size: int) -> Iterator[list[SampleRequest]]:
    """Yield requests that can be sampled together, in order: as many as there are, where the next one is held back.

    Raises:
        StageError: a request is held back although none is left that it could wait for.
    """
    batch: list[SampleRequest] = []
    for request in requests:
        if request is None and not batch:
            raise held_back_for_ever()
        if batch and (request is None or settings_of(request) != settings_of(batch[0])):
            yield batch
            batch = []
        if request is not None:
            batch.append(request)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def settings_of(request: SampleRequest) -> tuple[str, float, float]:
    """Return what the requests of one batch have in common."""
    return request.model, request.temperature, request.top_p


def decode(model: Any, input_ids: Any, mask: Any, batch: Sequence[SampleRequest], ends: set[int]) -> list[list[int]]:
    """Write tokens for each row of a left-padded batch until its end token or its token limit.

    Rows that are done leave the batch, so that a single long completion does not cost as much as the whole batch.

    Args:
        model: a causal language model.
        input_ids: prompts, shape (rows, longest prompt).
        mask: 1 where a prompt token stands, 0 for padding; same shape.
        batch: the requests, all with the same temperature and top_p.
        ends: tokens that end a completion.

    Returns:
        The tokens of each row, the end token included where the row reached it.
    """
    import torch

    written: list[list[int]] = [[] for _ in batch]
    draws = [np.random.default_rng(request.seed).random(request.max_tokens) for request in batch]
    rows = list(range(len(batch)))
    position = (mask.cumsum(dim=1) - 1).clamp(min=0)
    cache: Any = None
    with torch.inference_mode():
        while rows:
            output = model(
                input_ids=input_ids,
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,  # whatever the model's config says: training leaves it switched off
                logits_to_keep=1,
            )
            cache = output.past_key_values
            uniform = [draws[row][min(len(written[row]), len(draws[row]) - 1)] for row in rows]
            tokens = choose(output.logits[:, -1], uniform, temperature=batch[0].temperature, top_p=batch[0].top_p)
            for row, token in zip(rows, tokens.tolist(), strict=True):
                if not is_done(written[row], batch[row], ends):
                    written[row].append(token)
            input_ids, position = tokens[:, None], position[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            left = [place for place, row in enumerate(rows) if not is_done(written[row], batch[row], ends)]
            if len(left) <= len(rows) * MAX_SHARE_BEFORE_SHRINKING:
                keep = torch.tensor(left, dtype=torch.long)
                cache.batch_select_indices(keep)
                input_ids, position, mask = input_ids[keep], position[keep], mask[keep]
                rows = [rows[place] for place in left]
    return written


def is_done(tokens: list[int], request: SampleRequest, ends: set[int]) -> bool:
    """Return whether a completion has ended, or is as long as it may be."""
    return bool(tokens) and (tokens[-1] in ends or len(tokens) >= request.max_tokens)


def choose(logits: Any, uniform: list[float], *, temperature: float, top_p: float) -> Any:
    """Return each row's next token: the likeliest at temperature 0, else the one that the row's uniform draw picks.

    Args:
        logits: shape (rows, vocabulary).
        uniform: one number in [0, 1) for each row.
        temperature: divides the logits.
        top_p: the smallest set of tokens with at least this probability is drawn from.
    """
    import torch

    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    if top_p < 1:
        ordered, tokens = probabilities.sort(dim=-1, descending=True)
        outside = ordered.cumsum(dim=-1) - ordered >= top_p
        probabilities = torch.zeros_like(probabilities).scatter(1, tokens, ordered.masked_fill(outside, 0.0))
    cumulative = probabilities.cumsum(dim=-1)
    target = torch.tensor(uniform, dtype=cumulative.dtype)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)


def stop_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Return the tokens that end a completion."""
    ends: int | list[int] | None = model.generation_config.eos_token_id
    listed = [ends] if ends is None or isinstance(ends, int) else ends
    return {token for token in [*listed, tokenizer.eos_token_id] if token is not None}


def load(model: str) -> tuple[Any, Any]:
    """Load a model and its tokenizer.

    Raises:
        ConfigError: torch or transformers is absent, or there is no such model.
    """
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError:
        raise ConfigError("engine.kind = 'transformers' needs torch: pip install 'limo-curation[local]'") from None
    transformers.utils.logging.disable_progress_bar()
    folder = model_folder(model)
    name, _, revision = (str(folder), "", "") if folder else model.partition("@")
    pinned = {"revision": revision} if revision else {}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, padding_side="left", **pinned)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(name, **pinned)
    except OSError as error:
        raise ConfigError(f"the model {model} can't be loaded: {' '.join(str(error).split())[:300]}") from None
    # one thread a batch: the same sums on any number of cores, and no stall when another process has one of them
    importlib.import_module("torch").set_num_threads(1)
    return loaded.eval(), tokenizer
