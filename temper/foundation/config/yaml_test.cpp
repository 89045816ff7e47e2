#include "temper/foundation/config/yaml.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::config {
namespace {

std::string refused(const std::string& yaml) {
  try {
    parse_yaml(yaml, "x.yaml");
  } catch (const Error& error) {
    return error.parts().what + " | " + error.parts().where;
  }
  return "accepted";
}

}  // namespace

TEST(Yaml, KeepsOrderTypesAndLines) {
  Yaml tree = parse_yaml(
      "b: [1, 2.5, '3', x]\na:\n  c: |\n    two\n    lines\n  d: null\ne: true\nf: 1e-5\n",
      "x.yaml");
  EXPECT_EQ(to_json(tree).dump(),
            R"({"b":[1,2.5,"3","x"],"a":{"c":"two\nlines\n","d":null},"e":true,"f":1e-05})");
  EXPECT_EQ(tree.find("a")->find("d")->line, 6);
  EXPECT_EQ(tree.find("a")->line, 2);
  EXPECT_EQ(tree.find("z"), nullptr);
  EXPECT_EQ(to_json(parse_yaml("# nothing\n", "x.yaml")).dump(), "{}");
}

TEST(Yaml, RefusesWhatCouldBlowUpOrMislead) {
  EXPECT_EQ(refused("a: &x 1\nb: *x\n"), "anchors (&name) are not read here | x.yaml:1");
  EXPECT_EQ(refused("a: 1\nb:\n  a: 1\n  a: 2\n"), "the key 'a' stands twice | x.yaml:4");
  EXPECT_EQ(refused("a: !!python/object:os.system x\n").substr(0, 7), "the tag");
  EXPECT_EQ(refused(std::string(1000, '[')), "nested deeper than 32 levels | x.yaml:1");
  EXPECT_EQ(refused("a: 1\nb: \xff\n"), "the YAML is not UTF-8 | x.yaml:2");
  EXPECT_EQ(refused("a: 1\n---\nb: 2\n"), "the YAML holds more than one document | x.yaml");
  EXPECT_EQ(refused("? [a]\n: 1\n"), "a key must be a plain name | x.yaml:1");
  EXPECT_EQ(refused("a: 1\nb: [1, 2\n").substr(0, 13), "invalid YAML:");
  EXPECT_EQ(refused("a: 1\n\tb: 2\n").substr(0, 13), "invalid YAML:");
  EXPECT_NE(refused(std::string((1 << 20) + 1, ' ')), "accepted");
}

TEST(Yaml, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(yaml_scalar("runs/a.b-c"), "runs/a.b-c");
  EXPECT_EQ(yaml_scalar("no"), "\"no\"");
  EXPECT_EQ(yaml_scalar("1e5"), "\"1e5\"");
  EXPECT_EQ(yaml_scalar("a b"), "\"a b\"");
}

}  // namespace temper::config
