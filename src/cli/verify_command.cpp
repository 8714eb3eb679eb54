// diffuse verify: checks the mathematics on this machine.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "src/eval/verify.h"
#include "src/train/outputs.h"

namespace diffuse::cli {

static nlohmann::ordered_json json_of(const std::vector<VerifyCheck>& checks) {
  auto list = nlohmann::ordered_json::array();
  for (const VerifyCheck& c : checks)
    list.push_back({{"name", c.name},
                    {"value", c.value},
                    {"expected", c.expected},
                    {"tolerance", c.tolerance},
                    {"pass", c.pass}});
  return list;
}

static void print_table(const std::vector<VerifyCheck>& checks) {
  std::printf("%-42s %16s %16s %10s\n", "check", "value", "expected", "tolerance");
  for (const VerifyCheck& c : checks)
    std::printf("%-42s %16.9g %16.9g %10.2g  %s\n", c.name.c_str(), c.value, c.expected,
                c.tolerance, c.pass ? "PASS" : "FAIL");
}

static int run_verify(const std::filesystem::path& json, const CpuFlags& cpu) {
  cpu.apply();
  check_outputs({{"--json", json}});
  const auto checks = verify();
  const auto failed =
      std::count_if(checks.begin(), checks.end(), [](const VerifyCheck& c) { return !c.pass; });
  write_report(json, json_of(checks), [&] {
    print_table(checks);
    std::printf("%zu checks, %td failed\n", checks.size(), failed);
  });
  return failed == 0 ? kGood : kFailed;
}

Command add_verify(CLI::App& app) {
  auto json = std::make_shared<std::filesystem::path>();
  CLI::App* command =
      app.add_subcommand("verify", "Check the mathematics on this machine: identities, oracles");
  command->footer(
      "A check passes if |value - expected| <= tolerance. Exit codes: 0 all pass, 1 some fail.\n"
      "docs/mathematics.md lists the equation behind each check.\n"
      "Examples:\n"
      "  diffuse verify\n"
      "  diffuse verify --json checks.json");
  command->add_option("--json", *json, "Write {name, value, expected, tolerance, pass}; - stdout");
  auto cpu = std::make_shared<CpuFlags>();
  cpu->add_to(*command);
  return [json, cpu] { return run_verify(*json, *cpu); };
}

}  // namespace diffuse::cli
