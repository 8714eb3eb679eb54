// The timesteps of a sampler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// `steps` distinct timesteps out of 0 .. T-1, decreasing. Each step goes to the next timestep in the list, so
// any number of steps from 1 to T works, whether it divides T or not.
//   leading    0, k, 2k, ... with k = T / steps rounded down      [Song21]
//   trailing   T-1, T-1-T/steps, ...: starts at full noise        [Lin23]
//   uniform    evenly spaced from T-1 to 0, both included
//   quadratic  squares of evenly spaced roots up to 0.8 T         [Song21, CIFAR-10]
//   karras     nearest to the seventh powers of evenly spaced roots of σ = √((1 − ᾱ)/ᾱ), from T-1
//              to 0; an infinite σ comes first                    [Karras22] eq. 5
// In continuous time, as fractions of its range (for ve and edm of log σ) down from 1: trailing 1, 1 − 1/S,
// ..., 1/S, uniform down to the first time, and karras; the others are refused. Throws Error naming --steps
// if steps is not in 1 .. T, and --spacing for one that is refused.
std::vector<double> spaced_timesteps(const Process& process, int64_t steps, Spacing spacing);

// Those that depend only on T: all but karras.
std::vector<double> spaced_timesteps(int64_t timesteps, int64_t steps, Spacing spacing);

// "999,749,500" -> {999, 749, 500}. Throws Error naming --timesteps if an entry is not an integer in 0 .. T-1
// or the list is not strictly decreasing.
std::vector<double> parse_timesteps(const std::string& text, const Process& process);

// The same for a chain of T timesteps.
std::vector<double> parse_timesteps(const std::string& text, int64_t timesteps);

}  // namespace diffuse
