#include "src/train/run_facts.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "src/core/json_text.h"
#include "src/files/atomic_write.h"

namespace diffuse {

using Json = nlohmann::ordered_json;

void write_run_facts(const std::filesystem::path& run_folder, const RunFacts& facts) {
  const Json json{{"program", facts.program},     {"libtorch", facts.libtorch},
                  {"command", facts.command},     {"device", facts.device},
                  {"precision", facts.precision}, {"processes", facts.processes},
                  {"threads", facts.threads},     {"parameters", facts.parameters}};
  atomic_write(run_folder / "run.json", json_text(json, 2) + "\n");
}

RunFacts read_run_facts(const std::filesystem::path& run_folder) {
  std::ifstream file(run_folder / "run.json");
  const Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {};
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  return {.program = text("program"),
          .libtorch = text("libtorch"),
          .command = text("command"),
          .device = text("device"),
          .precision = text("precision"),
          .processes = number("processes"),
          .threads = number("threads"),
          .parameters = number("parameters")};
}

std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-+=./:,@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string quoted = "'";
  for (const char c : word)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted + "'";
}

}  // namespace diffuse
