"""The tiny models' tokenizer: about one token per word and digit of the demo's language, bytes for anything else.

It is a byte-level BPE, so any text encodes and decodes back unchanged. The pre-tokenizer keeps every digit alone and
takes the spaces around numbers into their neighbours (`" + "`, `" is "`), so that a number is nothing but its digits.
"""

import json
from collections.abc import Iterable
from pathlib import Path

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|im_start|>assistant\n{% generation %}{{ message['content'] }}<|im_end|>{% endgeneration %}\n"
    "{% else %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_DIGIT = r"\d"
_OPERATOR = r" ?[^\sA-Za-z\d]+ ?"
_WORD = r" ?[A-Za-z]+(?: (?=\d))?"
_SPACE = r"\s+"


def write_tokenizer(folder: Path, texts: Iterable[str], *, vocabulary_size: int, max_tokens: int) -> None:
    """Train the tokenizer on `texts` and write the files that transformers and vLLM load.

    Args:
        folder: Where `tokenizer.json` and `tokenizer_config.json` go.
        texts: The demo's language: questions and chains.
        vocabulary_size: At most this many tokens, the 256 bytes and the three special ones included.
        max_tokens: The model's longest context.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    pattern = Regex("|".join((_DIGIT, _OPERATOR, _WORD, _SPACE)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "padding_side": "left",
        "model_max_length": max_tokens,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
