#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "diffuse/config/config_json.h"
#include "tests/message_of.h"

namespace diffuse {

using nlohmann::json;

static std::string error_of(const json& document) {
  return message_of([&] { parse_config(document.dump(), "x"); });
}

// Calls act(section, key, field) for every field of every section.
template <class Act>
static void for_each_field(const Act& act) {
  const json schema = json::parse(config_schema());
  for (const auto& [section, object] : schema["properties"].items())
    if (object["type"] == "object")
      for (const auto& [key, field] : object["properties"].items()) act(section, key, field);
}

TEST(Schema, DescribesExactlyTheFieldsThatAreWritten) {
  const json written = json::parse(config_to_json(Config{}));
  size_t fields = 0;
  for_each_field([&](const std::string& section, const std::string& key, const json& field) {
    ++fields;
    ASSERT_TRUE(written[section].contains(key)) << section << "." << key;
    EXPECT_EQ(field["default"], written[section][key]) << section << "." << key;
    EXPECT_TRUE(field["description"].get<std::string>().ends_with(".")) << section << "." << key;
  });
  size_t expected = 0;
  for (const auto& [key, section] : written.items()) expected += key == "seed" ? 0 : section.size();
  EXPECT_EQ(fields, expected);
}

TEST(Schema, RefusesUnknownKeysButForComments) {
  const json schema = json::parse(config_schema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  for (const json& object : {schema, schema["properties"]["train"]}) {
    EXPECT_EQ(object["additionalProperties"], false);
    EXPECT_TRUE(object["patternProperties"].contains("^_comment$"));
  }
  EXPECT_TRUE(schema["properties"].contains("$schema"));
}

TEST(Schema, AgreesWithTheReaderOnKinds) {
  for_each_field([](const std::string& section, const std::string& key, const json& field) {
    const json other = field["type"] == "object" ? json::array() : json::object();
    const json document{{section, {{key, other}}}};
    EXPECT_EQ(error_of(document).find("x: /" + section + "/" + key + ": expected "), 0u)
        << error_of(document);
  });
}

TEST(Schema, AgreesWithTheReaderOnLimits) {
  int limits = 0;
  for_each_field([&](const std::string& section, const std::string& key, const json& field) {
    const auto expect_refused = [&](const json& value) {
      ++limits;
      const json document{{section, {{key, value}}}};
      EXPECT_NE(error_of(document).find(", got " + value.dump()), std::string::npos)
          << document << error_of(document);
    };
    if (field.contains("exclusiveMinimum")) expect_refused(field["exclusiveMinimum"]);
    if (field.contains("exclusiveMaximum")) expect_refused(field["exclusiveMaximum"]);
    if (field.contains("minimum")) expect_refused(field["minimum"].get<int64_t>() - 1);
    if (field.contains("maximum")) expect_refused(field["maximum"].get<int64_t>() + 1);
    if (field.contains("enum")) expect_refused("no such word");
  });
  EXPECT_GT(limits, 60);
}

// A value the field takes and does not have by default.
static json another_value(const json& field) {
  const json& value = field["default"];
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value == 0 ? 1 : 2 * value.get<int64_t>();
  if (value.is_number()) return value == 0 ? 0.5 : value.get<double>() / 2;
  if (value.is_object()) return json::object({{"three", 0.5}});
  if (value.is_array())
    return json::array({field["items"]["type"] == "string" ? json("three") : json(3)});
  if (!field.contains("enum")) return "elsewhere";
  return field["enum"][0] == value ? field["enum"][1] : field["enum"][0];
}

// Each key is tied to a member of its own: writing the config shows that one change.
TEST(Schema, HasAKeyForEachMember) {
  const json defaults = json::parse(config_to_json(Config{}));
  for_each_field([&](const std::string& section, const std::string& key, const json& field) {
    static const std::set<std::string> want_others{
        "betas",       "rescale_zero_terminal_snr",
        "normalize",   "range",
        "mean",        "std",
        "eta",         "process",
        "sigma_min",   "sigma_max",
        "churn",       "guidance_interval",
        "unipc_order", "decay_start",
        "horizon",     "sample_shape"};  // the kind follows from it
    if (want_others.contains(key) || (section == "condition" && key == "path")) return;
    const json document{{section, {{key, another_value(field)}}}};
    json expected = defaults;
    expected[section][key] = another_value(field);
    ASSERT_EQ(error_of(document), "");
    EXPECT_EQ(json::parse(config_to_json(parse_config(document.dump(), "x"))), expected) << key;
  });
}

TEST(Schema, LimitsTheNumbersOfAnObject) {
  const json rates =
      json::parse(config_schema())["properties"]["train"]["properties"]["learning_rates"];
  EXPECT_EQ(rates["type"], "object");
  EXPECT_EQ(rates["additionalProperties"], (json{{"type", "number"}, {"exclusiveMinimum", 0}}));
}

TEST(Schema, NamesOnlyWordsThatTheReaderTakes) {
  for_each_field([](const std::string& section, const std::string& key, const json& field) {
    if (!field.contains("enum")) return;
    for (const json& word : field["enum"]) {
      json document{{section, {{key, word}}}};
      if (word == "betas") document["diffusion"].update({{"betas", {0.5}}, {"timesteps", 1}});
      if (word == "gaussian_mixture") document["data"]["means"] = {1, 2};
      if (section == "condition" && (word == "image" || word == "vector")) {
        document["data"]["type"] = "array";
        document["condition"]["path"] = "conditions.npy";
      }
      static const std::set<std::string> continuous{"vp",   "subvp", "ve",         "edm",
                                                    "flow", "score", "log_normal", "logit_normal"};
      if (continuous.contains(word) && section == "diffusion" && key != "loss") {
        document["sample"]["sampler"] = "heun";
        if (key != "process") document["diffusion"]["process"] = "vp";
        if (key == "process") document["diffusion"]["prediction"] = "x0";
      }
      EXPECT_EQ(error_of(document), "");
    }
  });
}

TEST(Help, ListsEveryFieldWithItsDefault) {
  const std::string help = config_help();
  for_each_field([&](const std::string& section, const std::string& key, const json& field) {
    const std::string line = "\n" + section + "." + key + "  (";
    ASSERT_NE(help.find(line), std::string::npos) << line;
    EXPECT_NE(help.find(field["description"].get<std::string>()), std::string::npos) << line;
  });
  EXPECT_NE(help.find("train.batch_size  (an integer >= 1; default 128)\n    Samples per update"),
            std::string::npos);
}

}  // namespace diffuse
