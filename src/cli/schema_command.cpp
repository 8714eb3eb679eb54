#include <iostream>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"

namespace diffuse::cli {

Command add_schema(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("schema", "Print the config's keys: as a JSON Schema, or as text");
  command->footer(
      "Examples:\n"
      "  diffuse schema --text\n"
      "  diffuse schema > config.schema.json");
  auto text = std::make_shared<bool>(false);
  command->add_flag("--text", *text, "Every key with its allowed values, default and meaning");
  auto log = std::make_shared<LogFlags>();
  log->add_to(*command);
  return [text, log] {
    log->apply();
    std::cout << (*text ? config_help() : config_schema());
    return kGood;
  };
}

}  // namespace diffuse::cli
