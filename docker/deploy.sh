#!/bin/sh
# Register the work pools and every deployment with the server at PREFECT_API_URL; doing it again changes nothing.
set -eu
cd "$(dirname "$0")/.."
export LIMO_CURATION_HOME="${LIMO_CURATION_HOME:-$PWD}"  # the folder that workers run in

for pool in cpu gpu; do
    # not as the default pool: a default makes `prefect deploy -n NAME` ignore the pool that the YAML names
    prefect work-pool inspect "$pool" >/dev/null 2>&1 || prefect --no-prompt work-pool create "$pool" --type process
done
prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml
