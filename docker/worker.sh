#!/bin/sh
# Serve the pool that LIMO_POOL names with flow runs in processes of this machine, one at a time: a run uses all of it.
set -eu
cd "$(dirname "$0")/.."
exec prefect worker start --pool "$LIMO_POOL" --type process --limit 1
