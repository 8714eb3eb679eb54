#!/usr/bin/env bash
# One node, all its GPUs, for as many time limits as it takes: the job saves and puts itself back into
# the queue before its time is up, or when it is preempted, and goes on from there.
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
trap : TERM USR1  # the processes that train get them too; this script outlives them to requeue

left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%L 2>/dev/null)  # [[DAYS-]HOURS:]MINUTES:SECONDS
if [[ $left =~ ^([0-9]+):[0-9]+$ && 10#${BASH_REMATCH[1]} -lt 6 ]]; then
  echo "The time limit leaves $left: too short where the signal to save comes 300 s before the end, and up" \
    "to a minute earlier. Submit with a longer --time, or with --signal=USR1@SECONDS of fewer seconds." >&2
fi

# From 22.05 srun does not inherit --cpus-per-task.
srun --kill-on-bad-exit=0 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} \
  "${DIFFUSE:-diffuse}" train --config "$config" --out "$out" --resume "$@"
code=$?

# What SLURM says of the job, once it answers.
job_state() {
  for _ in {1..10}; do
    squeue --noheader --jobs="$SLURM_JOB_ID" --format="%T %r" 2>/dev/null && return
    sleep 6
  done
}

# SLURM takes a requeue of a job that is being cancelled, too, so ask it first: RUNNING is one that was
# signalled or preempted with grace, COMPLETING for its TimeLimit one whose time is up. Any other was told to
# end, or preempted without grace, after which SLURM itself requeues it.
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

# 75: stopped early with a checkpoint saved. Others but bad use (2): a node may have died; a run that
# fails by itself will fail again, so not for ever: MAX_RESTARTS times in a row, between which no
# checkpoint was saved. The run's folder holds the count.
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
