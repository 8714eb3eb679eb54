#include "number_flags.h"

#include "diffuse/core/error.h"
#include "src/core/whole_number.h"

namespace diffuse::cli {

// Replaces `text` by its digits only, or returns what is wrong with it.
template <class Parse>
static std::string rewrite(std::string& text, const Parse& parse, const char* limit) {
  const auto value = parse(text);
  if (!value) return concat("expected a whole number below ", limit, ", got \"", text, "\"");
  text = std::to_string(*value);
  return "";
}

static std::string rewrite_integer(std::string& text) {
  return rewrite(text, parse_integer, "2^63");
}

static std::string rewrite_unsigned(std::string& text) {
  if (text.starts_with('-')) return "expected 0 or more, got " + text;
  return rewrite(text, parse_unsigned, "2^64");
}

static std::string trim_real(std::string& text) {
  if (!parse_real(text)) return concat("expected a number, got \"", text, "\"");
  constexpr auto kBlanks = " \t\n\r";
  text.erase(text.find_last_not_of(kBlanks) + 1);
  text.erase(0, text.find_first_not_of(kBlanks));
  return "";
}

void unify_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options({})) {  // CLI11 identifies types only by these names
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->transform(CLI::Validator(rewrite_unsigned, ""));
    if (type.starts_with("INT")) option->transform(CLI::Validator(rewrite_integer, ""));
    if (type.starts_with("FLOAT")) option->transform(CLI::Validator(trim_real, ""));
  }
  for (CLI::App* child : app.get_subcommands({})) unify_numbers(*child);
}

}  // namespace diffuse::cli
