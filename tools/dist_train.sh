#!/usr/bin/env bash
# Trains with several processes, one a GPU (or on the CPU, over gloo).
#
#   tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# Several machines: run it on each with NNODES, NODE_RANK (0, 1, ...), MASTER_ADDR
# and PORT set. On one machine PORT may stay unset: a free port is taken.
set -euo pipefail

if [[ $# -lt 2 || ! $2 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: [NNODES=1] [NODE_RANK=0] [MASTER_ADDR=127.0.0.1] [PORT=...]" \
        "$0 CONFIG GPUS [arguments of tools/train.py]" >&2
    exit 2
fi
config=$1
gpus=$2
shift 2

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/torchrun.sh
source "$here/torchrun.sh"
run_distributed "$gpus" "$here/train.py" "$config" --launcher pytorch "$@"
