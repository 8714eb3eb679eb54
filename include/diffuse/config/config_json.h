// JSON <-> Config. Unknown keys, wrong kinds and values out of range are refused with one line that
// names the file and the JSON path: "cifar.json: /train/step: unknown key; did you mean "steps"?".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// Reads a config file and applies `--set` overrides ("train.steps=1000", value as JSON, or as plain
// text where a string is wanted), then checks ranges and that the parts fit each other.
Config load_config(const std::filesystem::path& file,
                   const std::vector<std::string>& overrides = {});

// The same from JSON text; `name` stands in messages where the file's name would.
Config parse_config(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides = {});

// A field of a config that a flag gives: {"--steps", "sample.steps", "50"}.
struct FlagValue {
  std::string flag, path, value;
};

// `config` with the values of flags over it, each judged by its field's rules. Throws Error naming the flag
// that is wrong, or all of them where the parts of the config do not fit each other then.
Config with_flags(Config config, const std::vector<FlagValue>& flags);

// Every field written out: what a run folder's config.json and a checkpoint hold.
std::string config_to_json(const Config& config);

// JSON Schema (draft 2020-12) of a config file, for editors.
std::string config_schema();

// Every field with what it accepts, its default and what it does, for people.
std::string config_help();

}  // namespace diffuse
