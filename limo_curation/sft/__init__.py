"""Fine-tune a student on a published set: whole rows only, loss on the chain alone, planned before it is begun."""
