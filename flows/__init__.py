"""The order of the work and its parameters, as Prefect flows."""
