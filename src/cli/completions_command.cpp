// diffuse completions: scripts with which a shell completes commands and flags.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "command_tree.h"
#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"

namespace diffuse::cli {

namespace {

std::vector<std::string> flags_and_names(const CommandInfo& command) {
  std::vector<std::string> words = command.children;
  for (const OptionInfo& option : command.options)
    words.insert(words.end(), option.flags.begin(), option.flags.end());
  return words;
}

// The case pattern of all commands: "train"|"data"|"data inspect".
std::string known_paths(const std::vector<CommandInfo>& tree) {
  std::vector<std::string> quoted;
  for (const CommandInfo& command : tree)
    if (!command.path.empty()) quoted.push_back("\"" + command.path + "\"");
  return join(quoted, "|");
}

// Case branches such as "sample --precision" that set `variable` to the flag's choices.
std::string value_cases(const std::vector<CommandInfo>& tree, const std::string& variable) {
  std::string text;
  for (const CommandInfo& command : tree)
    for (const OptionInfo& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& flag : option.flags)
        patterns.push_back("\"" + command.path + " " + flag + "\"");
      text += "    " + join(patterns, "|") + ") " + variable + "=\"" + join(option.choices, " ") +
              "\" ;;\n";
    }
  return text;
}

std::string word_cases(const std::vector<CommandInfo>& tree) {
  std::string text;
  for (const CommandInfo& command : tree)
    text +=
        "    \"" + command.path + "\") words=\"" + join(flags_and_names(command), " ") + "\" ;;\n";
  return text;
}

// Where no word fits, `-o default` completes file names.
std::string bash(const std::vector<CommandInfo>& tree) {
  return "# diffuse completions bash > ~/.local/share/bash-completion/completions/diffuse\n"
         "_diffuse() {\n"
         "  local word path=\"\" words=\"\" current=${COMP_WORDS[COMP_CWORD]}\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"${path:+$path }$word\" in\n"
         "    " +
         known_paths(tree) +
         ") path=\"${path:+$path }$word\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path ${COMP_WORDS[COMP_CWORD-1]}\" in\n" +
         value_cases(tree, "words") +
         "    *)\n"
         "    case \"$path\" in\n" +
         word_cases(tree) +
         "    esac ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _diffuse diffuse\n";
}

// In single quotes, for zsh and fish.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

const CommandInfo& child_of(const CommandInfo& command, const std::string& name,
                            const std::vector<CommandInfo>& tree) {
  const std::string path = command.path.empty() ? name : command.path + " " + name;
  return *std::find_if(tree.begin(), tree.end(),
                       [&](const CommandInfo& other) { return other.path == path; });
}

// Words with their help for _describe, separated by a colon.
std::string zsh_words(const CommandInfo& command, const std::vector<CommandInfo>& tree) {
  std::string text;
  const auto add = [&](const std::string& word, const std::string& help) {
    text += " " + quoted(word + ":" + help);
  };
  for (const std::string& name : command.children) add(name, child_of(command, name, tree).help);
  for (const OptionInfo& option : command.options)
    for (const std::string& flag : option.flags) add(flag, option.help);
  return text;
}

std::string zsh(const std::vector<CommandInfo>& tree) {
  std::string described;
  for (const CommandInfo& command : tree)
    described += "    \"" + command.path + "\") described=(" + zsh_words(command, tree) + ") ;;\n";
  return "#compdef diffuse\n"
         "# diffuse completions zsh > a folder of $fpath, as _diffuse\n"
         "_diffuse() {\n"
         "  local word command_path=\"\" words_of_value=\"-\"\n"
         "  local -a described\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    case \"${command_path:+$command_path }$word\" in\n"
         "    " +
         known_paths(tree) +
         ") command_path=\"${command_path:+$command_path }$word\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$command_path ${words[CURRENT-1]}\" in\n" +
         value_cases(tree, "words_of_value") +
         "  esac\n"
         "  if [[ \"$words_of_value\" != - ]]; then\n"
         "    [[ -n \"$words_of_value\" ]] && compadd -- ${=words_of_value} || _files\n"
         "    return\n"
         "  fi\n"
         "  case \"$command_path\" in\n" +
         described +
         "  esac\n"
         "  _describe -o diffuse described || _files\n"
         "}\n"
         "compdef _diffuse diffuse\n";
}

std::string fish_option(const OptionInfo& option) {
  std::string text;
  for (const std::string& flag : option.flags)
    text += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
  if (option.takes_value)
    text += option.choices.empty() ? " -r" : " -x -a " + quoted(join(option.choices, " "));
  return text + " -d " + quoted(option.help) + "\n";
}

// True once every word of the command's path is typed.
std::string fish_condition(const CommandInfo& command) {
  if (command.path.empty()) return "__fish_use_subcommand";
  std::string condition;
  std::istringstream words(command.path);
  for (std::string word; words >> word;)
    condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
  return condition;
}

std::string fish(const std::vector<CommandInfo>& tree) {
  std::string text = "# diffuse completions fish > ~/.config/fish/completions/diffuse.fish\n";
  for (const CommandInfo& command : tree) {
    const std::string start = "complete -c diffuse -n " + quoted(fish_condition(command));
    for (const std::string& name : command.children)
      text += start + " -a " + name + " -d " + quoted(child_of(command, name, tree).help) + "\n";
    for (const OptionInfo& option : command.options) text += start + fish_option(option);
  }
  return text;
}

}  // namespace

Command add_completions(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completions", "Print completions for a shell");
  command->footer(
      "Examples:\n"
      "  source <(diffuse completions bash)\n"
      "  diffuse completions fish > ~/.config/fish/completions/diffuse.fish");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  auto log = std::make_shared<LogFlags>();
  log->add_to(*command);
  return [shell, log, &app] {
    log->apply();
    const auto tree = command_tree(app);
    std::cout << (*shell == "bash" ? bash(tree) : *shell == "zsh" ? zsh(tree) : fish(tree));
    return kGood;
  };
}

}  // namespace diffuse::cli
