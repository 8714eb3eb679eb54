// diffuse man: the manual page in roff, from the texts of --help.
#include <iostream>

#include "command_tree.h"
#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"

namespace diffuse::cli {

// Escapes roff's requests and hyphens.
static std::string roff(std::string_view text) {
  std::string result;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    line_start = c == '\n';
  }
  return result;
}

static std::string synopsis(const CommandInfo& command) {
  std::string text = ".B diffuse " + roff(command.path) + "\n";
  for (const std::string& name : command.positionals) text += ".I " + roff(name) + "\n";
  return text + "[options]\n";
}

static std::string options(const CommandInfo& command) {
  std::string text;
  for (const OptionInfo& option : command.options) {
    std::vector<std::string> flags;
    for (const std::string& flag : option.flags) flags.push_back("\\fB" + roff(flag) + "\\fR");
    text += ".TP\n" + join(flags, ", ") + (option.takes_value ? " \\fIvalue\\fR" : "") + "\n" +
            roff(option.help) + "\n";
    if (!option.choices.empty()) text += "One of " + roff(join(option.choices)) + ".\n";
  }
  return text;
}

static std::string examples(const CommandInfo& command) {
  return command.footer.empty() ? "" : ".PP\n.nf\n" + roff(command.footer) + "\n.fi\n";
}

static std::string man_page(const std::vector<CommandInfo>& tree) {
  const CommandInfo& program = tree.at(0);
  std::string text =
      concat(".TH DIFFUSE 1 \"\" \"diffuse ", kVersion, "\" \"User Commands\"\n",
             ".SH NAME\ndiffuse \\- train and sample denoising diffusion models\n",
             ".SH SYNOPSIS\n.B diffuse\n.I command\n[options]\n.SH DESCRIPTION\n",
             roff(program.help), "\n", options(program), examples(program), ".SH COMMANDS\n");
  for (size_t i = 1; i < tree.size(); ++i)
    text += ".SS " + roff(tree[i].path) + "\n" + synopsis(tree[i]) + ".PP\n" + roff(tree[i].help) +
            ".\n" + options(tree[i]) + examples(tree[i]);
  text +=
      ".SH EXIT STATUS\n"
      ".TP\n0\nDone.\n"
      ".TP\n1\nThe work failed.\n"
      ".TP\n2\nBad use, or a bad config or file: one line on stderr says which.\n"
      ".TP\n75\nStopped early by a signal or \\-\\-time\\-limit, with a checkpoint saved.\n"
      ".SH ENVIRONMENT\n"
      ".TP\nDIFFUSE_DATA\nThe folder of the data sets; default ./data.\n"
      ".TP\nNO_COLOR\nIf set, log lines have no colours.\n";
  return text;
}

Command add_man(CLI::App& app) {
  CLI::App* command = app.add_subcommand("man", "Print the manual page");
  command->footer(
      "Examples:\n"
      "  diffuse man | man -l -");
  auto log = std::make_shared<LogFlags>();
  log->add_to(*command);
  return [log, &app] {
    log->apply();
    std::cout << man_page(command_tree(app));
    return kGood;
  };
}

}  // namespace diffuse::cli
