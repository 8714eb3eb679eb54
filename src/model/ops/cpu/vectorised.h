// For the CPU's inner loops: functions compiled once for each width of the processor's vectors, of
// which the program chooses when it starts.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DIFFUSE_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DIFFUSE_VECTORISED
#endif

// What such a function calls has to become part of it.
#define DIFFUSE_INLINE inline __attribute__((always_inline))
