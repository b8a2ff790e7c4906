#!/usr/bin/env bash
# Reproduces everything in order, one figure or table after the other. Stop it whenever you like and start it again:
# what is done is not done twice.
#
#   ./run_experiments.sh [SCALE]      smoke, quick (default), cpu or paper
set -euo pipefail
cd "$(dirname "$0")"
scale="${1:-quick}"
for result in figure3b figure3c figure3d figure3e figure3f figure3h figure3g figureS3 \
    table3 figureS1 figureS5 distortion table2 table1 tableS1 figureS2 figure2 figureS4 figure4 figureS6 roost supercells \
    learning-curve descriptor-groups grouped-split multi-target probe-chgnet umlff; do
    make "$result" SCALE="$scale"
done
