# shellcheck shell=bash
# Sourced by slurm_train.sh and slurm_test.sh.

# run_on_slurm PARTITION JOB_NAME SCRIPT [arguments]: start one process a GPU.
run_on_slurm() {
    local partition=$1 job_name=$2
    shift 2
    local gpus=${GPUS:-8}
    local gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    # SRUN_ARGS holds several words: splitting them is meant.
    local -a extra
    read -r -a extra <<<"${SRUN_ARGS:-}"
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    # Other jobs may use MMEngine's default port on the same node.
    export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}
    PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" \
        srun --partition="$partition" --job-name="$job_name" \
        --gres="gpu:$gpus_per_node" --ntasks="$gpus" \
        --ntasks-per-node="$gpus_per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
        "${extra[@]}" "${PYTHON:-$(command -v python || command -v python3)}" -u "$@"
}
