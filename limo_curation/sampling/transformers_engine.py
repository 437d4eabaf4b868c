"""The embedded engine: a small model in this process, on CPU, through transformers.

Each row of a batch draws from its own seed: token by token one uniform number picks from the cumulative distribution,
so a completion depends on its request alone, up to the rounding of batched matrix products.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import Completion, SampleRequest


class TransformersSampler:
    """Samples models that transformers can load; each is loaded once."""

    def __init__(self, *, batch_size: int) -> None:
        self.batch_size = batch_size
        self._load = functools.cache(load)

    @functools.cache  # noqa: B019 - a sampler lives as long as its process
    def revision(self, model: str) -> str:
        """Return a digest of a local model's files, or a Hub model's name with the commit that it resolves to."""
        folder = Path(model)
        if folder.is_dir():
            digest = hashlib.sha256()
            for file in sorted(folder.iterdir()):
                if file.suffix in {".safetensors", ".json", ".jinja", ".txt"} and file.name != "training_report.json":
                    digest.update(file.name.encode() + b"\0" + file.read_bytes())
            return f"{folder.name}@{digest.hexdigest()[:16]}"
        loaded, _ = self._load(model)
        return f"{model.partition('@')[0]}@{getattr(loaded.config, '_commit_hash', None)}"

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order, batch by batch; see `Sampler.sample`."""
        for _, alike in groupby(requests, key=lambda request: (request.model, request.temperature, request.top_p)):
            same = list(alike)
            for start in range(0, len(same), self.batch_size):
                yield from self._sample_batch(same[start : start + self.batch_size])

    def _sample_batch(self, batch: Sequence[SampleRequest]) -> Iterator[Completion]:
        import torch

        model, tokenizer = self._load(batch[0].model)
        prompts = [
            tokenizer.apply_chat_template(request.messages(), add_generation_prompt=True, tokenize=False)
            for request in batch
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        longest = max(request.max_tokens for request in batch)
        width = int(inputs["input_ids"].shape[1])
        with torch.inference_mode():
            output: Any = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=longest,
                do_sample=False,
                logits_processor=[SeededChoice(batch, longest)],
                pad_token_id=tokenizer.pad_token_id,
            )
        ends = stop_tokens(model, tokenizer)
        for row, request in enumerate(batch):
            tokens: list[int] = output[row, width:].tolist()[: request.max_tokens]
            stop = next((place for place, token in enumerate(tokens) if token in ends), None)
            written = tokens if stop is None else tokens[:stop]
            yield Completion(
                request=request,
                text=tokenizer.decode(written, skip_special_tokens=True),
                finish_reason="length" if stop is None else "stop",
                num_prompt_tokens=int(inputs["attention_mask"][row].sum()),
                num_completion_tokens=len(written) + (stop is not None),
            )


class SeededChoice:
    """A logits processor that draws each row's next token from the row's own seed (temperature 0: the likeliest)."""

    def __init__(self, batch: Sequence[SampleRequest], max_tokens: int) -> None:
        import torch

        self.temperature, self.top_p = batch[0].temperature, batch[0].top_p
        draws = [np.random.default_rng(request.seed).random(max_tokens) for request in batch]
        self.draws = torch.tensor(np.stack(draws))
        self.step = 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return scores in which only the drawn token is possible."""
        import torch

        del input_ids
        if self.temperature == 0:
            return scores
        ordered, tokens = torch.softmax(scores.double() / self.temperature, dim=-1).sort(dim=-1, descending=True)
        cumulative = ordered.cumsum(dim=-1)
        nucleus = ordered.masked_fill(cumulative - ordered >= self.top_p, 0).cumsum(dim=-1)
        target = self.draws[:, self.step : self.step + 1] * nucleus[:, -1:]
        place = torch.searchsorted(nucleus, target, right=True).clamp(max=scores.shape[-1] - 1)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(1, tokens.gather(1, place), 0.0)


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
    name, _, revision = model.partition("@")
    pinned = {"revision": revision} if revision else {}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, padding_side="left", **pinned)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(name, **pinned)
    except OSError as error:
        raise ConfigError(f"the model {model} can't be loaded: {' '.join(str(error).split())[:300]}") from None
    return loaded.eval(), tokenizer
