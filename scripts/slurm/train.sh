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

left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%L 2>/dev/null)  # [[DAYS-]HOURS:]MINUTES:SECONDS
if [[ $left =~ ^([0-9]+):[0-9]+$ && 10#${BASH_REMATCH[1]} -lt 6 ]]; then
  echo "The time limit leaves $left: too short, as the signal to save comes 300 to 360 s before the end." \
    "Submit with a longer --time, or with fewer seconds in --signal=USR1@SECONDS." >&2
fi

# From 22.05 srun does not inherit --cpus-per-task.
srun --kill-on-bad-exit=0 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} \
  "${DIFFUSE:-diffuse}" train --config "$config" --out "$out" --resume "$@"
code=$?

# The job's state in SLURM; retries until it answers.
job_state() {
  for _ in {1..10}; do
    squeue --noheader --jobs="$SLURM_JOB_ID" --format="%T %r" 2>/dev/null && return
    sleep 6
  done
}

# SLURM also accepts a requeue of a job that is being cancelled, so check its state first. RUNNING: it was
# signalled, or preempted with a grace time. COMPLETING TimeLimit: its time is up. In other states it was told
# to end, or preempted without a grace time, and SLURM requeues it itself.
requeue() {
  local state
  state=$(job_state)
  if [[ $state == "RUNNING "* || $state == "COMPLETING TimeLimit" ]]; then
    echo "exit code $code: back into the queue$1" >&2
    scontrol requeue "$SLURM_JOB_ID"
  else
    echo "exit code $code: not put back into the queue, as SLURM ends the job (${state:-not known})" >&2
  fi
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
