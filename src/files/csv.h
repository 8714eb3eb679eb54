// Tables of numbers as text.
#pragma once

#include <string>
#include <vector>

namespace diffuse {

struct Column {
  std::string name;
  std::vector<double> values;
};

// A header and one line a row, with the digits that read back as the same numbers. The columns have
// the same length.
std::string csv_of(const std::vector<Column>& columns);

}  // namespace diffuse
