#!/usr/bin/env bash
# Tests with several processes, one a GPU (or on the CPU, over gloo); the figures are
# those of one process.
#
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
#
# Several machines: see tools/dist_train.sh.
set -euo pipefail

if [[ $# -lt 3 || ! $3 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: [NNODES=1] [NODE_RANK=0] [MASTER_ADDR=127.0.0.1] [PORT=...]" \
        "$0 CONFIG CHECKPOINT GPUS [arguments of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/torchrun.sh
source "$here/torchrun.sh"
run_distributed "$gpus" "$here/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
