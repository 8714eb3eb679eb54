#!/usr/bin/env bash
# Number of parallel compilers: at most one per core, with 1.5 GB of free memory each.
exec awk -v cores="$(nproc)" '/MemAvailable/ {
  n = int($2 / 1.5e6); print n < 1 ? 1 : n < cores ? n : cores }' /proc/meminfo
