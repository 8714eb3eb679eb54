// Tables of numbers as text.
#pragma once

#include <string>
#include <vector>

namespace diffuse {

struct Column {
  std::string name;
  std::vector<double> values;
};

// A header and one line per row, with enough digits to read back the same numbers. The columns have
// equal length.
std::string csv_of(const std::vector<Column>& columns);

}  // namespace diffuse
