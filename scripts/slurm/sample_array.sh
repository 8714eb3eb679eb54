#!/usr/bin/env bash
# Many images from many small jobs: task K of the array draws the images of seeds K * PER_TASK to
# (K + 1) * PER_TASK - 1 into OUT/part-K, or, for OUT.npy or OUT.npz (needed for models of points), into
# OUT-K.npy. A stopped task requeues itself. To repeat a failed task, submit its number again. Both resume
# after the existing images.
#
#   sbatch --array=0-49 scripts/slurm/sample_array.sh CHECKPOINT OUT [PER_TASK [FLAG OF diffuse sample]...]
#
#SBATCH --job-name=diffuse-sample
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -u

fail() {
  echo "sample_array.sh: $*" >&2
  exit 2
}
[[ $# -ge 2 ]] || fail "expected CHECKPOINT OUT [PER_TASK [FLAG OF diffuse sample]...], got: $*"
checkpoint=$1 out=$2 per_task=${3:-1000}
shift $(($# < 3 ? $# : 3))
[[ $per_task =~ ^[1-9][0-9]*$ ]] || fail "PER_TASK: expected a number of images, got $per_task"
task=${SLURM_ARRAY_TASK_ID:-}
[[ $task ]] || fail "no array: submit it with sbatch --array=0-49, of which task K draws its $per_task images"

case $out in
  *.npy | *.npz) part=${out%.*}-$task.${out##*.} ;;
  *) part=$out/part-$task ;;
esac
job=${SLURM_ARRAY_JOB_ID}_$task  # the array's own number is also that of one of its tasks
trap : TERM USR1                 # the sampling process gets them too; this script must outlive it to requeue

# From 22.05 srun does not inherit --cpus-per-task.
srun ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} "${DIFFUSE:-diffuse}" sample \
  --ckpt "$checkpoint" --seeds "$((task * per_task))-$(((task + 1) * per_task - 1))" -o "$part" --resume "$@"
code=$?

# 75: stopped early. As in train.sh, not where SLURM ends the task.
if [[ $code -eq 75 ]]; then
  state=$(squeue --noheader --jobs="$job" --format="%T %r")
  if [[ $state == "RUNNING "* || $state == "COMPLETING TimeLimit" ]]; then
    echo "exit code $code: back into the queue" >&2
    scontrol requeue "$job"
  else
    echo "exit code $code: not put back into the queue, as SLURM ends the task (${state:-not known})" >&2
  fi
fi
exit $code
