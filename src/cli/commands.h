// The subcommands: each adds itself to the program and returns the function that runs it.
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace diffuse::cli {

// Runs a parsed command. Returns the exit code.
using Command = std::function<int()>;

Command add_train(CLI::App& app);
Command add_launch(CLI::App& app);
Command add_sample(CLI::App& app);
Command add_encode(CLI::App& app);
Command add_bench(CLI::App& app);
Command add_inpaint(CLI::App& app);
Command add_denoise(CLI::App& app);
Command add_interpolate(CLI::App& app);
Command add_info(CLI::App& app);
Command add_convert(CLI::App& app);
Command add_schema(CLI::App& app);
Command add_schedule(CLI::App& app);
Command add_forward(CLI::App& app);
Command add_eval(CLI::App& app);
Command add_verify(CLI::App& app);
Command add_data(CLI::App& app);
Command add_ls(CLI::App& app);
Command add_plot(CLI::App& app);
Command add_report(CLI::App& app);
Command add_completions(CLI::App& app);
Command add_man(CLI::App& app);

inline constexpr int kGood = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadUse = 2;
inline constexpr int kStoppedEarly = 75;  // a checkpoint is saved: requeue

}  // namespace diffuse::cli
