// The parts of the library that are linked to what not every machine has, and are loaded where it is there.
#pragma once

#include <string>

namespace diffuse {

// `symbol` of the shared library `name` beside libdiffuse. Null where there is none: `reason` then says why.
void* plugin_symbol(const std::string& name, const char* symbol, std::string& reason);

}  // namespace diffuse
