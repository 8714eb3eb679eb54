#include <c10/util/Exception.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <new>
#include <stdexcept>

#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/number_flags.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "src/core/device.h"
#include "src/core/heap.h"
#include "src/core/log.h"
#include "src/core/standard_streams.h"
#include "src/model/cpu_products.h"

namespace diffuse::cli {

static std::string version_text() {
  return concat("diffuse ", kVersion, "\nLibTorch ", TORCH_VERSION, "\nCUDA: ", cuda_description(),
                "\nCPU: ", cpu_vectors(), " kernels, float32 products by ", cpu_products());
}

static int bad_use(const std::string& where, const std::string& message) {
  std::cerr << where << ": " << message << "\n";
  return kBadUse;
}

// Names of all subcommands, for "did you mean".
static std::vector<std::string> names_of(const std::map<std::string, Command>& commands) {
  std::vector<std::string> names;
  for (const auto& [name, command] : commands) names.push_back(name);
  return names;
}

static std::map<std::string, Command> add_commands(CLI::App& app) {
  std::map<std::string, Command> commands;
  commands["train"] = add_train(app);
  commands["launch"] = add_launch(app);
  commands["sample"] = add_sample(app);
  commands["encode"] = add_encode(app);
  commands["bench"] = add_bench(app);
  commands["inpaint"] = add_inpaint(app);
  commands["denoise"] = add_denoise(app);
  commands["interpolate"] = add_interpolate(app);
  commands["eval"] = add_eval(app);
  commands["forward"] = add_forward(app);
  commands["schedule"] = add_schedule(app);
  commands["verify"] = add_verify(app);
  commands["data"] = add_data(app);
  commands["ls"] = add_ls(app);
  commands["plot"] = add_plot(app);
  commands["report"] = add_report(app);
  commands["completions"] = add_completions(app);
  commands["man"] = add_man(app);
  commands["info"] = add_info(app);
  commands["convert"] = add_convert(app);
  commands["schema"] = add_schema(app);
  return commands;
}

static int run(int argc, char** argv) {
  CLI::App app("Train and sample denoising diffusion models.", "diffuse");
  app.set_version_flag("--version", version_text);
  app.require_subcommand(0, 1);
  app.footer(
      "Examples:\n"
      "  diffuse train --config configs/shapes.json\n"
      "  diffuse sample --ckpt runs/shapes/model.pt -n 64\n"
      "  diffuse COMMAND --help");
  const std::map<std::string, Command> commands = add_commands(app);
  unify_numbers(app);
  refuse_empty_outputs(app);
  if (argc > 1 && argv[1][0] != '-' && !commands.contains(argv[1]))
    return bad_use("diffuse", concat("unknown command \"", argv[1], "\"",
                                     did_you_mean(argv[1], names_of(commands)),
                                     " (commands: ", join(names_of(commands)), ")"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const auto parsed = app.get_subcommands();
    const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    return bad_use(parsed.empty() ? "diffuse" : "diffuse " + parsed[0]->get_name(),
                   unknown ? unknown_argument(app) : error.what());
  }
  if (app.get_subcommands().empty()) {
    std::cout << app.help();
    return kBadUse;
  }
  return commands.at(app.get_subcommands()[0]->get_name())();
}

}  // namespace diffuse::cli

// LibTorch's CPU allocator reports it only by its message.
static bool is_out_of_memory(const std::exception& error) {
  const std::string_view text = error.what();
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         dynamic_cast<const std::length_error*>(&error) != nullptr ||
         text.find("can't allocate memory") != std::string_view::npos ||
         text.find("Storage size calculation overflowed") != std::string_view::npos;
}

// LibTorch's text goes on with advice for programmers.
static bool is_of_the_gpu(const std::string& text) {
  return text.starts_with("CUDA error") || text.starts_with("CUDA driver error") ||
         text.starts_with("cuDNN error") || text.starts_with("CUBLAS_STATUS") ||
         text.find("NCCL error") != std::string::npos;
}

static void report(const std::exception& error, std::string text) {
  if (is_of_the_gpu(text))
    text = diffuse::concat("the GPU failed: ", text.substr(0, text.find('\n')),
                           "; the checkpoint saved last is whole");
  if (is_out_of_memory(error))
    text = diffuse::concat(
        "out of memory: reduce /train/micro_batch (samples per forward pass; "
        "for other commands --batch), or use /train/gradient_checkpointing or /train/precision "
        "bf16; the last checkpoint is intact (",
        text.substr(0, text.find('\n')), ")");
  diffuse::log_error(text);
}

// The exit code.
static int run_reporting(int argc, char** argv) {
  try {
    return diffuse::cli::run(argc, argv);
  } catch (const diffuse::Error& error) {
    std::cerr << "diffuse: " << error.what() << "\n";
    return diffuse::cli::kBadUse;
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "diffuse: " << error.path1().string() << ": " << error.code().message() << "\n";
    return diffuse::cli::kBadUse;
  } catch (const c10::Error& error) {
    report(error, error.what_without_backtrace());
  } catch (const std::exception& error) {
    report(error, error.what());
  }
  return diffuse::cli::kFailed;
}

int main(int argc, char** argv) {
  diffuse::secure_standard_streams();
  diffuse::use_training_heap();
  const int code = run_reporting(argc, argv);
  const bool all_printed = code != diffuse::cli::kGood || diffuse::finish_stdout();
  return all_printed ? code : diffuse::cli::kFailed;
}
