// Results of an evaluation of the bound, for programs and for people.
#pragma once

#include <vector>

#include "diffuse/eval/bound.h"
#include "diffuse/eval/ode_likelihood.h"
#include "src/eval/eval_report.h"
#include "src/files/csv.h"
#include "src/pictures/chart.h"

namespace diffuse {

// `levels`: the data are pixels from -1 to 1, and errors are in levels of 0 .. 255.

// Every figure for every timestep.
std::vector<Column> bound_columns(const Bound& bound, bool levels);

std::vector<Chart> term_charts(const Bound& bound);
std::vector<Chart> distortion_charts(const Bound& bound, bool levels);

// The parts of the bound.
void add_bpd(const Bound& bound, EvalReport& report);

void add_ode_bpd(const OdeLikelihood& found, const OdeOptions& options, EvalReport& report);

// The rate-distortion curve; the text has about ten rows, evenly spaced, from high noise to low.
void add_rd(const Bound& bound, bool levels, EvalReport& report);

}  // namespace diffuse
