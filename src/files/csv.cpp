#include "src/files/csv.h"

#include <cstdio>

namespace diffuse {

static std::string exact(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string csv_of(const std::vector<Column>& columns) {
  std::string text;
  for (const Column& c : columns) text += (text.empty() ? "" : ",") + c.name;
  for (size_t row = 0; row < columns[0].values.size(); ++row) {
    text += '\n';
    for (const Column& c : columns) text += (&c == &columns[0] ? "" : ",") + exact(c.values[row]);
  }
  return text + '\n';
}

}  // namespace diffuse
