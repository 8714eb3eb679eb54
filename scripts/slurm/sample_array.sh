#!/usr/bin/env bash
# Many images from many small jobs: task K of the array draws the images of seeds K * PER_TASK to
# (K + 1) * PER_TASK - 1 into OUT/part-K. To repeat a failed task, submit its number again.
#
#   sbatch --array=0-49 scripts/slurm/sample_array.sh CHECKPOINT OUT [PER_TASK [FLAG OF diffuse sample]...]
#
#SBATCH --job-name=diffuse-sample
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --requeue
set -eu

checkpoint=$1 out=$2 per_task=${3:-1000}
shift $(($# < 3 ? $# : 3))
first=$((SLURM_ARRAY_TASK_ID * per_task))
srun "${DIFFUSE:-diffuse}" sample --ckpt "$checkpoint" --seeds "$first-$((first + per_task - 1))" \
  -o "$out/part-$SLURM_ARRAY_TASK_ID" "$@"
