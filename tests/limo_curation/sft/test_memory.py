"""Memory is counted as it is taken: known anchors, laws, and what autograd really keeps."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.sft.config import HardwareConfig, SftConfig, TrainingConfig
from limo_curation.sft.memory import MemoryNeed, layer_bytes_per_token, memory_need
from limo_curation.sft.shapes import Shape, known_shapes

SHAPES = known_shapes()
QWEN_32B = SHAPES["Qwen/Qwen2.5-32B-Instruct"]
SPLIT = {"sharding": "fsdp", "num_processes": 8}


def config_of(hardware: dict[str, Any], **training: Any) -> SftConfig:
    return SftConfig(
        profile="p",
        student="s",
        training=TrainingConfig.model_validate({"global_batch": 64} | training),
        hardware=HardwareConfig.model_validate(hardware),
    )


def need(hardware: dict[str, Any], *, shape: Shape = QWEN_32B, longest: int = 16_384, **training: Any) -> MemoryNeed:
    return memory_need(config_of(hardware, **training), shape, longest=longest)


def part(name: str, parts: Any) -> float:
    return sum(one.num_bytes for one in parts if one.name == name)


def test_limos_fine_tuning_needs_offload_on_eight_gpus_of_80_gb_at_16k_but_not_on_141() -> None:
    whole, offloaded = need(SPLIT), need(SPLIT | {"offload": True})
    assert 80e9 < whole.gpu_bytes < 141e9
    assert offloaded.gpu_bytes < 80e9 / 2
    # users of LIMO's repository: 8 x 80 GB worked only with offload, and took about 900 GB of the host
    assert offloaded.host_bytes == pytest.approx(900e9, rel=0.15)


def test_thirty_two_gpus_of_80_gb_as_limo_had_need_no_offload() -> None:
    assert need(SPLIT | {"num_processes": 32}).gpu_bytes < 80e9


def test_state_is_16_bytes_a_parameter_and_split_evenly() -> None:
    parts = need(SPLIT).gpu
    state = sum(part(name, parts) for name in ("weights", "gradients", "optimizer"))
    assert state == 16 * QWEN_32B.num_parameters / 8


def test_checkpointing_keeps_one_vector_of_each_token_and_layer() -> None:
    kept = part("kept activations", need(SPLIT, longest=1_000).gpu)
    assert kept == 1_000 * 64 * 5_120 * 2


def test_offload_moves_the_state_to_the_host_and_loses_none_of_it() -> None:
    here, there = need(SPLIT), need(SPLIT | {"offload": True})
    for name in ("weights", "gradients", "optimizer"):
        assert part(name, there.gpu) == 0
        assert part(name, there.host) == 8 * part(name, here.gpu)


def test_low_rank_updates_leave_the_weights_in_16_bits_and_need_no_gradient_of_them() -> None:
    parts = need({}, method="lora").gpu
    assert part("weights", parts) == 2 * QWEN_32B.num_parameters
    assert part("gradients", parts) == 0
    assert part("updates", parts) == 16 * QWEN_32B.low_rank_parameters(32)


def test_on_the_processor_everything_lies_in_the_hosts_memory_for_each_process() -> None:
    one = need({"device": "cpu"}, precision="fp32")
    two = need({"device": "cpu", "num_processes": 2}, precision="fp32")
    assert one.gpu == ()
    assert two.host_bytes == 2 * one.host_bytes > 16 * QWEN_32B.num_parameters


@given(
    shape=st.sampled_from(sorted(SHAPES)),
    longest=st.integers(1, 40_000),
    more=st.integers(1, 10_000),
    processes=st.sampled_from([2, 4, 8, 16]),
    checkpointing=st.booleans(),
    offload=st.booleans(),
)
def test_more_tokens_never_need_less_and_more_gpus_never_need_more(
    shape: str, longest: int, more: int, processes: int, checkpointing: bool, offload: bool
) -> None:
    hardware = {
        "sharding": "fsdp",
        "num_processes": processes,
        "gradient_checkpointing": checkpointing,
        "offload": offload,
    }
    base = need(hardware, shape=SHAPES[shape], longest=longest)
    assert need(hardware, shape=SHAPES[shape], longest=longest + more).gpu_bytes > base.gpu_bytes
    assert need(hardware | {"micro_batch": 2}, shape=SHAPES[shape], longest=longest).gpu_bytes > base.gpu_bytes
    wider = need(hardware | {"num_processes": 2 * processes}, shape=SHAPES[shape], longest=longest)
    assert wider.gpu_bytes <= base.gpu_bytes
    without = need(hardware | {"gradient_checkpointing": False}, shape=SHAPES[shape], longest=longest)
    assert without.gpu_bytes >= base.gpu_bytes


# -- what autograd keeps -----------------------------------------------------------------------------------------------

SMALL = Shape(
    hidden=512,
    layers=1,
    heads=8,
    key_value_heads=2,
    head_size=64,
    intermediate=1_408,
    vocabulary=128,
    is_tied=True,
    has_attention_bias=True,
)
ROTATIONS = 2 * 64 * 2
"""Bytes of a token's cosines and sines, which all layers share."""


def kept_by_autograd(*, is_split: bool) -> float:
    """Return the bytes a token that one of transformers' layers keeps for the way back, without weights and casts."""
    torch: Any = pytest.importorskip("torch")
    transformers: Any = importlib.import_module("transformers")
    qwen2: Any = importlib.import_module("transformers.models.qwen2.modeling_qwen2")
    config = transformers.Qwen2Config(
        hidden_size=SMALL.hidden,
        intermediate_size=SMALL.intermediate,
        num_attention_heads=SMALL.heads,
        num_key_value_heads=SMALL.key_value_heads,
        head_dim=SMALL.head_size,
        num_hidden_layers=1,
        attn_implementation="sdpa",
    )
    num_tokens = 256
    layer = qwen2.Qwen2DecoderLayer(config, 0).to(torch.bfloat16 if is_split else torch.float32)
    states = torch.randn(1, num_tokens, SMALL.hidden, dtype=torch.bfloat16, requires_grad=True)
    rotations = qwen2.Qwen2RotaryEmbedding(config)(states, torch.arange(num_tokens)[None])
    kept: dict[int, int] = {}

    def note(tensor: Any) -> Any:
        if num_tokens in tensor.shape:  # weights, and their casts, have no side of that length
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=not is_split),
    ):
        layer(states, position_embeddings=rotations)
    return sum(kept.values()) / num_tokens - ROTATIONS


@pytest.mark.models
@pytest.mark.parametrize("is_split", [True, False])
def test_layer_keeps_what_autograd_keeps_of_it(is_split: bool) -> None:
    hardware = SPLIT if is_split else {}
    counted = layer_bytes_per_token(config_of(hardware), SMALL)
    assert counted == pytest.approx(kept_by_autograd(is_split=is_split), rel=0.02)
