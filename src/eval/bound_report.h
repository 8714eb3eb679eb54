// What an evaluation of the bound found, for programs and for people.
#pragma once

#include <vector>

#include "diffuse/eval/bound.h"
#include "src/eval/eval_report.h"
#include "src/files/csv.h"
#include "src/pictures/plot.h"

namespace diffuse {

// `levels`: the data's units are pixels from -1 to 1, whose errors are told in levels of 0 .. 255.

// Every figure for every timestep.
std::vector<Column> bound_columns(const Bound& bound, bool levels);

std::vector<PlotPanel> term_panels(const Bound& bound);
std::vector<PlotPanel> distortion_panels(const Bound& bound, bool levels);

// The parts of the bound.
void add_bpd(const Bound& bound, EvalReport& report);

// The curve; as text some ten rows, evenly spread, from much noise to little.
void add_rd(const Bound& bound, bool levels, EvalReport& report);

}  // namespace diffuse
