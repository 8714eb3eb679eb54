#!/usr/bin/env bash
# How many compilers to run at once: one a core, and 1.5 GB of free memory for each.
exec awk -v cores="$(nproc)" '/MemAvailable/ {
  n = int($2 / 1.5e6); print n < 1 ? 1 : n < cores ? n : cores }' /proc/meminfo
