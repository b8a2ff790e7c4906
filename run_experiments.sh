#!/usr/bin/env bash
# Reproduces everything in order, one figure or table after the other. Stop it whenever you like and start it again:
# what is done is not done twice.
#
#   ./run_experiments.sh [SCALE]      smoke, quick (default), cpu or paper
set -euo pipefail
cd "$(dirname "$0")"
scale="${1:-quick}"
for result in $(make --silent list); do
    make "$result" SCALE="$scale"
done
