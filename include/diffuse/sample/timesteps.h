// Which timesteps a sampler visits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// `steps` distinct timesteps out of 0 .. T-1, from large to small. The timestep before one is the
// next in the list, so every number of steps from 1 to T is good whether it divides T or not.
//   leading    0, k, 2k, ... with k = T / steps rounded down      [Song21]
//   trailing   T-1, T-1-T/steps, ...: starts at full noise        [Lin23]
//   uniform    evenly from T-1 to 0, both included
//   quadratic  squares of evenly spaced roots up to 0.8 T         [Song21, CIFAR-10]
//   karras     nearest to the seventh powers of evenly spaced roots of σ = √((1 − ᾱ)/ᾱ), from T-1
//              to 0; a σ that is infinite is visited first        [Karras22] eq. 5
// Of continuous time, in shares of it (of ve and edm of log σ) down from 1: trailing 1, 1 − 1/S, ...,
// 1/S, uniform with the first time at its end, and karras; the others are refused.
// Throws Error naming --steps where steps is not in 1 .. T, and --spacing for an unknown name.
std::vector<double> spaced_timesteps(const Process& process, int64_t steps, Spacing spacing);

// Those that depend on T alone: all but karras.
std::vector<double> spaced_timesteps(int64_t timesteps, int64_t steps, Spacing spacing);

// "999,749,500" -> {999, 749, 500}. Throws Error naming --timesteps where an entry is not an integer
// in 0 .. T-1 or the list does not fall strictly.
std::vector<double> parse_timesteps(const std::string& text, const Process& process);

// The same of a chain's T.
std::vector<double> parse_timesteps(const std::string& text, int64_t timesteps);

}  // namespace diffuse
