#pragma once

#include <filesystem>

namespace diffuse {

// The files that tests/reference/*_fixtures.py write.
inline const std::filesystem::path kFixtures = "tests/fixtures";

}  // namespace diffuse
