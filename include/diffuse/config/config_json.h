// JSON <-> Config. Unknown keys, wrong types and values out of range are refused with one line that
// names the file and the JSON path: "cifar.json: /train/step: unknown key; did you mean "steps"?".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// Reads a config file and applies `--set` overrides ("train.steps=1000", the value as JSON, or as plain
// text for a string), then checks ranges and the consistency of the parts.
Config load_config(const std::filesystem::path& file,
                   const std::vector<std::string>& overrides = {});

// The same from JSON text; messages use `name` as the file's name.
Config parse_config(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides = {});

// A config field set by a flag: {"--steps", "sample.steps", "50"}.
struct FlagValue {
  std::string flag, path, value;
};

// `config` with the flags' values applied, each checked by its field's rule. Throws Error naming the bad
// flag, or all flags if the parts of the config are then inconsistent.
Config with_flags(Config config, const std::vector<FlagValue>& flags);

// All fields, as in a run folder's config.json and in a checkpoint.
std::string config_to_json(const Config& config);

// JSON Schema (draft 2020-12) of a config file, for editors.
std::string config_schema();

// Every field with its rule, default and help text, for people.
std::string config_help();

}  // namespace diffuse
