"""Sampling language models: one protocol, several engines, one cache and one token ledger above them."""

from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest

__all__ = ["Completion", "SampleRequest", "Sampler"]
