// For the CPU's inner loops: functions compiled for each vector width of the processor, selected when the
// program starts.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DIFFUSE_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DIFFUSE_VECTORISED
#endif

// Functions called from such a function must be inlined into it.
#define DIFFUSE_INLINE inline __attribute__((always_inline))
#define DIFFUSE_INLINE_LAMBDA __attribute__((always_inline))
