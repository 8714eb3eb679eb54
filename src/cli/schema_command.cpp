#include <iostream>

#include "commands.h"
#include "diffuse/config/config_json.h"

namespace diffuse::cli {

Command add_schema(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("schema", "Print the JSON Schema of a config file, for editors");
  command->footer(
      "Examples:\n"
      "  diffuse schema > config.schema.json");
  return [] {
    std::cout << config_schema() << "\n";
    return kGood;
  };
}

}  // namespace diffuse::cli
