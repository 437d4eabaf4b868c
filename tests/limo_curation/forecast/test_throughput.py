import numpy as np
import pytest

from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import GPUS, gpu_named
from limo_curation.forecast.models import KNOWN_SIZES, size_from_billions
from limo_curation.forecast.throughput import MAX_SEQUENCES, place

FULL = np.ones(1)
R1_DISTILL = KNOWN_SIZES["deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"]
SMALL = KNOWN_SIZES["Qwen/Qwen2.5-Math-1.5B-Instruct"]


def test_gpus_of_a_replica_follow_from_memory():
    assert place("m", R1_DISTILL, gpu_named("h200")).num_gpus == 1
    assert place("m", R1_DISTILL, gpu_named("H100")).num_gpus == 2
    assert place("m", R1_DISTILL, gpu_named("rtx4090")).num_gpus == 4
    assert place("m", KNOWN_SIZES["deepseek-ai/DeepSeek-R1"], gpu_named("h200")).num_gpus == 8
    assert place("m", SMALL, gpu_named("h100"), at_least=4).num_gpus == 4


def test_model_that_fits_nowhere_is_refused_with_what_it_needs():
    with pytest.raises(ConfigError, match=r"giant needs 4,800 GB, more than 32 GPUs rtx4090 hold"):
        place("giant", size_from_billions(2_000), gpu_named("rtx4090"))


def test_unknown_gpu_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"--gpu tpu: known are a100-80gb, h100, h200, b200, l40s"):
        gpu_named("tpu")


def test_decoding_alone_takes_one_reading_of_the_weights_a_token():
    placed = place("m", R1_DISTILL, gpu_named("h200"))
    context = 1e9  # so long that one sequence fills the memory: the batch is one
    assert placed.batch_size(context) == 1
    weights_and_cache = R1_DISTILL.weight_bytes + context * R1_DISTILL.cache_bytes_per_token
    seconds = placed.decode_seconds(context, bandwidth_use=FULL, arithmetic_use=FULL)
    assert seconds[0] == pytest.approx(weights_and_cache / 4.8e12)


def test_short_sequences_fill_the_batch_and_share_the_weights():
    placed = place("m", SMALL, gpu_named("h100"))
    assert placed.batch_size(500) == MAX_SEQUENCES
    seconds = placed.decode_seconds(500, bandwidth_use=FULL, arithmetic_use=FULL)
    step = SMALL.weight_bytes + MAX_SEQUENCES * 500 * SMALL.cache_bytes_per_token
    assert seconds[0] == pytest.approx(step / 3.35e12 / MAX_SEQUENCES)


@pytest.mark.parametrize("gpu", GPUS.values(), ids=lambda gpu: gpu.name)
def test_no_token_is_faster_than_arithmetic_allows(gpu):
    placed = place("m", R1_DISTILL, gpu)
    for context in (10, 1_000, 30_000):
        seconds = placed.decode_seconds(context, bandwidth_use=FULL, arithmetic_use=FULL)[0]
        assert seconds >= 2 * R1_DISTILL.active_parameters / gpu.flops_per_second
        assert placed.prefill_seconds(arithmetic_use=FULL)[0] <= seconds * (1 + 1e-9)


def test_half_the_use_takes_twice_the_time():
    placed = place("m", R1_DISTILL, gpu_named("a100-80gb"))
    full = placed.decode_seconds(4_000, bandwidth_use=FULL, arithmetic_use=FULL)
    half = placed.decode_seconds(4_000, bandwidth_use=FULL / 2, arithmetic_use=FULL / 2)
    assert half == pytest.approx(2 * full)
