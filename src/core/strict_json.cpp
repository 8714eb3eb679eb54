#include "src/core/strict_json.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {

using nlohmann::json;

std::string one_line(const std::string& key) {
  const std::string quoted = json(key).dump();
  return quoted.substr(1, quoted.size() - 2);
}

namespace {

constexpr int kMaxDepth = 32;  // a config has 3 levels, a safetensors header 3; dump() recurses

// Observes the parser: stores the keys seen in each open object.
class Watcher {
 public:
  explicit Watcher(const std::string& name) : name_(name) {}

  void see(int depth, json::parse_event_t event, const json& parsed) {
    if (depth > kMaxDepth) throw Error(name_, ": nested deeper than ", kMaxDepth, " levels");
    if (event == json::parse_event_t::object_start) open_.emplace_back();
    if (event == json::parse_event_t::object_end) open_.pop_back();
    if (event == json::parse_event_t::key) see_key(parsed.get<std::string>());
  }

 private:
  struct Object {
    std::set<std::string> keys;
    std::string current;
  };

  void see_key(const std::string& key) {
    Object& object = open_.back();
    object.current = key;
    if (object.keys.insert(key).second) return;
    std::string path;
    for (const Object& parent : open_) path += "/" + one_line(parent.current);
    throw Error(name_, ": ", path, ": duplicate key");
  }

  const std::string& name_;
  std::vector<Object> open_;
};

}  // namespace

// "line 3, column 5" of the last byte read. nlohmann's own column is 0 at the end of a line.
static std::string place(const std::string& text, size_t bytes_read) {
  const std::string_view before(text.data(), std::min(bytes_read, text.size() + 1) - 1);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::string_view this_line = before.substr(before.rfind('\n') + 1);
  const auto column = std::count_if(this_line.begin(), this_line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // UTF-8: the first byte of a character
  });
  return concat("line ", line, ", column ", column + 1);
}

// "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while parsing
// object - unexpected X; expected Y" -> "unexpected X; expected Y".
static std::string reason(const std::string& what) {
  const size_t dash = what.find(" - ");
  return dash == std::string::npos ? what : what.substr(dash + 3);
}

json parse_strict_json(const std::string& text, const std::string& name) {
  Watcher watcher(name);
  const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
    watcher.see(depth, event, parsed);
    return true;
  };
  try {
    return json::parse(text, callback);
  } catch (const json::out_of_range& e) {  // "[json...] number overflow parsing '1e999'"
    const std::string what = e.what();
    throw Error(name, ": not JSON: ", what.substr(what.find("] ") + 2));
  } catch (const json::parse_error& e) {
    throw Error(name, ": ", place(text, e.byte), ": not JSON: ", reason(e.what()));
  }
}

}  // namespace diffuse
