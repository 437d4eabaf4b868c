"""LIMO-style curation of reasoning data: everything about the data, nothing about the orchestrator."""
