#!/usr/bin/env bash
# One node with all its GPUs, over as many jobs as needed: before its time limit, or on preemption, the job
# saves a checkpoint, requeues itself and continues from there.
#
#   sbatch scripts/slurm/train.sh CONFIG RUN_FOLDER [FLAG OF diffuse train]...
#
#SBATCH --job-name=diffuse
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -u

config=$1 out=$2
shift 2
trap : TERM USR1  # the training processes get them too; this script must outlive them to requeue

srun --kill-on-bad-exit=0 "${DIFFUSE:-diffuse}" train --config "$config" --out "$out" --resume "$@"
code=$?

requeue() {
  echo "exit code $code: back into the queue$1" >&2
  scontrol requeue "$SLURM_JOB_ID"
  exit $code
}

# 75: stopped early with a checkpoint saved. Other failures except bad use (2): a node may have died, so
# requeue. A defective run would fail every time, so at most MAX_RESTARTS failures in a row without a new
# checkpoint. The count is in the run folder.
failures=$out/.failures
if [[ $code -eq 0 || $code -eq 2 || $code -eq 75 ]]; then
  rm -f "$failures"
  [[ $code -eq 75 ]] && requeue ""
  exit $code
fi
count=$(cat "$failures" 2>/dev/null)
[[ $out/model.pt -nt $failures ]] && count=0
count=$((${count:-0} + 1))
if [[ $count -le ${MAX_RESTARTS:-10} ]] && mkdir -p "$out" && echo $count >"$failures"; then
  requeue " (failure $count in a row)"
fi
exit $code
