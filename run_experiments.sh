#!/usr/bin/env bash
# Reproduces everything in order, one figure after the other. Stop it whenever you like and start it again:
# what is done is not done twice.
#
#   ./run_experiments.sh [SCALE]      smoke, quick (default), cpu or paper
set -euo pipefail
cd "$(dirname "$0")"
scale="${1:-quick}"
for figure in figure3b figure3c figure3d figure3e figure3f figure3h figure3g figureS3; do
    make "$figure" SCALE="$scale"
done
