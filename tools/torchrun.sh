# shellcheck shell=bash
# Sourced by dist_train.sh and dist_test.sh.

# run_distributed GPUS SCRIPT [arguments]: start the processes of this machine.
run_distributed() {
    local gpus=$1
    shift
    local nodes=${NNODES:-1}
    local -a meet
    if [[ $nodes -eq 1 && -z ${PORT:-} ]]; then
        # torchrun picks a free port itself, so that two runs do not collide.
        meet=(--standalone)
    else
        meet=(
            --nnodes="$nodes" --node_rank="${NODE_RANK:-0}"
            --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}"
        )
    fi
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" \
        "${PYTHON:-$(command -v python || command -v python3)}" \
        "$root/tools/start_processes.py" \
        "${meet[@]}" --nproc_per_node="$gpus" "$@"
}
