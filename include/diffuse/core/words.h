// Enums whose values are written as words in configs, flags and messages.
#pragma once

#include <iterator>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {

template <class Enum>
struct Word {
  Enum value;
  const char* text;
};

// The table of an enum's words, `list`, in the order of its values: specialised next to the enum, with an
// entry of Word's members, and perhaps others, for each value.
template <class Enum>
struct Words;

template <class Enum>
concept Worded = requires {
  Words<Enum>::list;
};

template <Worded Enum>
constexpr bool is_in_order() {
  size_t i = 0;
  for (const auto& entry : Words<Enum>::list)
    if (static_cast<size_t>(entry.value) != i++) return false;
  return true;
}

// The entry of a value in the table.
template <Worded Enum>
constexpr const auto& entry_of(Enum value) {
  static_assert(is_in_order<Enum>());
  return Words<Enum>::list[static_cast<size_t>(value)];
}

template <Worded Enum>
std::string word_of(Enum value) {
  return entry_of(value).text;
}

// All words in order.
template <Worded Enum>
std::vector<std::string> words_of() {
  std::vector<std::string> words;
  for (const auto& entry : Words<Enum>::list) words.emplace_back(entry.text);
  return words;
}

template <Worded Enum>
std::optional<Enum> find_word(std::string_view text) {
  for (const auto& entry : Words<Enum>::list)
    if (entry.text == text) return entry.value;
  return {};
}

// The value of a word. Throws Error naming `where`, a flag or a JSON path, for another text.
template <Worded Enum>
Enum parse_word(std::string_view text, std::string_view where) {
  if (const auto value = find_word<Enum>(text)) return *value;
  const auto words = words_of<Enum>();
  throw Error(where, ": expected one of ", join(words), ", got \"", printable(text), "\"",
              did_you_mean(text, words));
}

template <Worded Enum>
std::ostream& operator<<(std::ostream& out, Enum value) {
  return out << entry_of(value).text;
}

}  // namespace diffuse
