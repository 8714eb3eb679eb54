#include "command_tree.h"

#include <algorithm>
#include <sstream>

#include "diffuse/core/error.h"

namespace diffuse::cli {

// CLI11 names the type of an option with choices "TEXT:{a,b,c}".
static std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}');
  std::vector<std::string> choices;
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

static OptionInfo option_info(const CLI::Option& option) {
  OptionInfo info;
  for (const std::string& name : option.get_snames()) info.flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) info.flags.push_back("--" + name);
  info.help = option.get_description();
  info.takes_value = option.get_items_expected_max() > 0;
  info.choices = choices_of(option);
  return info;
}

static void add_command(CLI::App& app, const std::string& path, std::vector<CommandInfo>& tree) {
  CommandInfo info;
  info.path = path;
  info.help = app.get_description();
  info.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional())
      info.positionals.push_back(option->get_name(true));
    else
      info.options.push_back(option_info(*option));
  }
  for (const CLI::App* child : app.get_subcommands({})) info.children.push_back(child->get_name());
  tree.push_back(info);
  for (CLI::App* child : app.get_subcommands({}))
    add_command(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), tree);
}

std::vector<CommandInfo> command_tree(CLI::App& app) {
  std::vector<CommandInfo> tree;
  add_command(app, "", tree);
  return tree;
}

std::string unknown_argument(const CLI::App& app) {
  const CLI::App* command = &app;  // the innermost
  while (!command->get_subcommands().empty()) command = command->get_subcommands()[0];
  const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
  const auto flag = std::find_if(rest.begin(), rest.end(),
                                 [](const std::string& word) { return word.starts_with("-"); });
  if (flag == rest.end())
    return concat("\"", rest.at(0),
                  "\": unexpected; values follow their flag, as in --config FILE");
  std::vector<std::string> known;
  for (const CLI::Option* option : command->get_options())
    for (const std::string& name : option_info(*option).flags) known.push_back(name);
  const std::string name = flag->substr(0, flag->find('='));
  if (command->get_name() == "launch")
    return concat(name, ": unknown flag; those of the command come after --");
  return concat(name, ": unknown flag", did_you_mean(name, known));
}

}  // namespace diffuse::cli
