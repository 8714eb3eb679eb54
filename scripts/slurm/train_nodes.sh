#!/usr/bin/env bash
# Several nodes, one process per GPU; otherwise as train.sh, which it sources: submit it from the top of
# the repository.
#
#   sbatch --nodes=16 scripts/slurm/train_nodes.sh CONFIG RUN_FOLDER [FLAG OF diffuse train]...
#
#SBATCH --job-name=diffuse-nodes
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --exclusive
set -u

# If nodes have several networks, name the one to use:
#   export NCCL_SOCKET_IFNAME=ib0 GLOO_SOCKET_IFNAME=ib0
. scripts/slurm/train.sh
