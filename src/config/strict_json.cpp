#include "strict_json.h"

#include <set>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {

using nlohmann::json;

namespace {

constexpr int kMaxDepth = 32;  // a config has 3 levels; dump() recurses

// Watches the parser: keeps the keys seen in each object that is still open.
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
    for (const Object& parent : open_) path += "/" + parent.current;
    throw Error(name_, ": ", path, ": the key is given twice");
  }

  const std::string& name_;
  std::vector<Object> open_;
};

}  // namespace

// "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while parsing
// object - unexpected X; expected Y" -> "line 3, column 5: unexpected X; expected Y".
static std::string plain_message(const std::string& what) {
  const size_t place = what.find("line ");
  const size_t colon = what.find(": ", place);
  if (place == std::string::npos || colon == std::string::npos) return "not JSON";
  const size_t dash = what.find(" - ", colon);
  const size_t detail = dash == std::string::npos ? colon + 2 : dash + 3;
  return what.substr(place, colon - place) + ": not JSON: " + what.substr(detail);
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
    throw Error(name, ": ", plain_message(e.what()));
  }
}

}  // namespace diffuse
