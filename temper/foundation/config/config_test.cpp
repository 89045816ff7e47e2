#include "temper/foundation/config/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/utf8.h"

namespace temper::config {
namespace {

struct Training {
  double learning_rate = 1e-5;
  int64_t seed = 42;
};
void describe(Fields<Training>& f) {
  f.group("training");
  f.add("learning_rate", &Training::learning_rate, "step size").above(0);
  f.add("seed", &Training::seed, "what randomness starts from").at_least(0);
}

struct Options {
  double beta = 0.1;
  int steps = 10;
  std::string name, loss_type = "dapo";
  bool packing = false, shuffle = true;
  std::optional<double> epsilon_high;
  std::optional<bool> bf16;
  std::optional<std::string> chat_template_path;
  std::vector<std::string> reward_funcs;
  std::vector<double> reward_weights = {1};
  std::vector<int> devices;
  int internal = 0;
  Training training;
  bool operator==(const Options& o) const {
    return beta == o.beta && steps == o.steps && name == o.name && loss_type == o.loss_type &&
           packing == o.packing && shuffle == o.shuffle && epsilon_high == o.epsilon_high &&
           bf16 == o.bf16 && chat_template_path == o.chat_template_path &&
           reward_funcs == o.reward_funcs && reward_weights == o.reward_weights &&
           devices == o.devices && training.learning_rate == o.training.learning_rate &&
           training.seed == o.training.seed;
  }
};
void describe(Fields<Options>& f) {
  f.add("beta", &Options::beta, "pull towards the reference, 1/nats; larger stays nearer").above(0);
  f.add("steps", &Options::steps, "how many").within(1, 1000).alias("max_steps");
  f.add("name", &Options::name, "what it is called");
  f.add("loss_type", &Options::loss_type, "which loss").choices({"grpo", "dapo", "bnpo"});
  f.add("packing", &Options::packing, "several rows in one sequence");
  f.add("shuffle", &Options::shuffle, "rows in random order");
  f.add("epsilon_high", &Options::epsilon_high, "upper clip").within(0, 1);
  f.add("bf16", &Options::bf16, "half the bits");
  f.add("chat_template_path", &Options::chat_template_path, "a Jinja file");
  f.add("reward_funcs", &Options::reward_funcs, "names of rewards").group("rewards");
  f.add("reward_weights", &Options::reward_weights, "one a reward").at_least(0).group("rewards");
  f.add("devices", &Options::devices, "numbers");
  f.add("internal", &Options::internal, "for tests").hidden();
  f.include(&Options::training);
}

using Args = std::vector<std::string>;

Options parsed(const Args& args) {
  Options options;
  parse(options, args, "grpo");
  return options;
}

// The parts of the error that `args` lead to, joined by " | ".
std::string refused(const Args& args) {
  try {
    parsed(args);
  } catch (const Error& error) {
    return error.parts().what + " | " + error.parts().where + " | " + error.parts().try_;
  }
  return "accepted";
}

std::string refused_yaml(const std::string& yaml) {
  Options options;
  try {
    from_yaml(options, yaml, "run.yaml");
  } catch (const Error& error) {
    return error.parts().what + " | " + error.parts().where + " | " + error.parts().try_;
  }
  return "accepted";
}

std::string temporary(const std::string& name, const std::string& text) {
  std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

}  // namespace

TEST(CommandLine, ReadsEveryFormOfEveryType) {
  Options o = parsed({"--beta",
                      "0.5",
                      "--steps=20",
                      "--name",
                      "a b",
                      "--packing",
                      "--no_shuffle",
                      "--epsilon-high",
                      "0.28",
                      "--reward_funcs",
                      "exact",
                      "count",
                      "--reward-weights",
                      "1",
                      ".5",
                      "--devices",
                      "0",
                      "--devices",
                      "1",
                      "--learning_rate=1e-4",
                      "--seed",
                      "7"});
  EXPECT_EQ(o.beta, 0.5);
  EXPECT_EQ(o.steps, 20);
  EXPECT_EQ(o.name, "a b");
  EXPECT_TRUE(o.packing);
  EXPECT_FALSE(o.shuffle);
  EXPECT_EQ(o.epsilon_high, 0.28);
  EXPECT_EQ(o.reward_funcs, (Args{"exact", "count"}));
  EXPECT_EQ(o.reward_weights, (std::vector<double>{1, 0.5}));
  EXPECT_EQ(o.devices, (std::vector<int>{0, 1}));
  EXPECT_EQ(o.training.learning_rate, 1e-4);
  EXPECT_EQ(o.training.seed, 7);
  EXPECT_EQ(parsed({}), Options{});
}

TEST(CommandLine, ReadsBoolsAndPositions) {
  EXPECT_FALSE(parsed({"--shuffle", "False"}).shuffle);
  EXPECT_TRUE(parsed({"--packing=yes"}).packing);
  EXPECT_EQ(parsed({"--no-bf16"}).bf16, false);
  EXPECT_EQ(parsed({"--epsilon_high", "none"}).epsilon_high, std::nullopt);
  EXPECT_EQ(parsed({"--name=--odd"}).name, "--odd");
  EXPECT_EQ(parsed({"--name="}).name, "");
  EXPECT_EQ(parsed({"--max_steps", "3"}).steps, 3);
  Options o;
  Parsed p = parse(o, Args{"runs/a", "--packing", "rows", "-", "-3", "--", "--beta"}, "chat");
  EXPECT_EQ(p.positional, (Args{"runs/a", "rows", "-", "-3", "--beta"}));
  EXPECT_EQ(p.set, (Args{"packing"}));
  EXPECT_TRUE(p.given("packing"));
}

TEST(CommandLine, HelpWinsOverMistakes) {
  Options o;
  EXPECT_TRUE(parse(o, Args{"--nonsense", "--help"}, "grpo").help);
  EXPECT_TRUE(parse(o, Args{"-h"}, "grpo").help);
}

TEST(CommandLine, RefusesWithWantedGotAndPlace) {
  const std::string at = " | the command line | ";
  EXPECT_EQ(refused({"--bata", "1"}), "option 'bata' is not one of grpo's" + at +
                                          "did you mean 'beta'?  `temper grpo --help` lists them");
  EXPECT_EQ(refused({"--steps", "ten"}),
            "option 'steps': wanted an integer from 1 to 1000, got 'ten'" + at);
  EXPECT_EQ(refused({"--steps", "0"}),
            "option 'steps': wanted an integer from 1 to 1000, got '0'" + at);
  EXPECT_EQ(refused({"--steps", "99999999999"}),
            "option 'steps': wanted an integer from 1 to 1000, got '99999999999'" + at);
  EXPECT_EQ(refused({"--beta=-1"}), "option 'beta': wanted a number above 0, got '-1'" + at);
  EXPECT_EQ(refused({"--beta", "nan"}), "option 'beta': wanted a number above 0, got 'nan'" + at);
  EXPECT_EQ(refused({"--loss_type", "drpo"}),
            "option 'loss_type': wanted one of grpo, dapo, bnpo, got 'drpo'" + at +
                "did you mean 'grpo', 'dapo' or 'bnpo'?");
  EXPECT_EQ(refused({"--beta"}), "option 'beta' lacks its value" + at +
                                     "a value that begins with '-' is written --beta=-value");
  EXPECT_EQ(refused({"--beta", "--packing"}),
            "option 'beta' lacks its value, got '--packing'" + at +
                "a value that begins with '-' is written --beta=-value");
  EXPECT_EQ(refused({"--beta", "1", "--beta", "2"}),
            "option 'beta' is given twice: '1' and '2'" + at + "keep one");
  EXPECT_EQ(refused({"--packing", "--no_packing"}),
            "option 'packing' is given twice: 'true' and 'false'" + at + "keep one");
  EXPECT_EQ(refused({"--packing=maybe"}),
            "option 'packing': wanted true or false, got 'maybe'" + at);
  EXPECT_EQ(refused({"-x"}), "option '-x' is not known" + at + "options begin with two dashes");
  EXPECT_EQ(refused({"--name", "\xff"}), "option 'name': wanted text in UTF-8, got '\uFFFD'" + at);
  EXPECT_EQ(refused({"--reward_weights", "1", "x"}),
            "option 'reward_weights': wanted a number of at least 0, got 'x'" + at);
  EXPECT_NE(refused({"--no_beta"}), "accepted");
  EXPECT_NE(refused({"--no_packing=true"}), "accepted");
  EXPECT_NE(refused({"--reward_funcs"}), "accepted");
}

TEST(CommandLine, FlagsWinOverTheConfig) {
  std::string path =
      temporary("config_test.yaml", "beta: 0.3\nreward_funcs: [a, b]\nmax-steps: 5\n");
  Options o;
  Parsed p = parse(o, Args{"--beta", "0.9", "--config", path, "--reward_funcs", "c"}, "grpo");
  EXPECT_EQ(o.beta, 0.9);
  EXPECT_EQ(o.steps, 5);
  EXPECT_EQ(o.reward_funcs, (Args{"c"}));
  EXPECT_EQ(p.set, (Args{"beta", "reward_funcs", "steps"}));
}

TEST(CommandLine, RefusesABadConfigFile) {
  std::string path = temporary("config_bad.yaml", "beta: 0.3\nbata: 0.4\n");
  EXPECT_EQ(refused({"--config", path}),
            "option 'bata' is not one of grpo's | " + path +
                ":2 | did you mean 'beta'?  `temper grpo --help` lists them");
  EXPECT_NE(refused({"--config", "/nowhere/at/all.yaml"}), "accepted");
  EXPECT_NE(refused({"--config", path, "--config", path}), "accepted");
  EXPECT_NE(refused({"--config"}), "accepted");
  std::string large = temporary("config_large.yaml", std::string((1 << 20) + 1, '#'));
  EXPECT_NE(refused({"--config", large}).find("1,048,577"), std::string::npos);
}

TEST(CommandLine, InsistsOnWhatIsRequired) {
  struct Needy {
    std::string output_dir;
  } needy;
  Binding binding;
  binding.add(schema_of<Needy>([](Fields<Needy>& f) {
                f.add("output_dir", &Needy::output_dir, "where the run goes").required();
              }),
              &needy);
  try {
    parse(binding, Args{}, "sft");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "option 'output_dir' is required: where the run goes");
    EXPECT_EQ(error.parts().try_, "add --output_dir (text in UTF-8)");
  }
  EXPECT_NO_THROW(parse(binding, Args{"--output_dir", "x"}, "sft"));
}

TEST(ConfigYaml, ReadsEveryType) {
  Options o;
  std::vector<std::string> set =
      from_yaml(o,
                "# a comment\nbeta: 1e-5\nname: 'null'\npacking: true\n"
                "epsilon_high: ~\nbf16: yes\nreward_funcs:\n  - exact\n  - \"b c\"\n"
                "reward_weights: 2\ndevices: [0, 1]\nseed: 3\n",
                "run.yaml");
  EXPECT_EQ(o.beta, 1e-5);
  EXPECT_EQ(o.name, "null");
  EXPECT_TRUE(o.packing);
  EXPECT_EQ(o.bf16, true);
  EXPECT_EQ(o.reward_funcs, (Args{"exact", "b c"}));
  EXPECT_EQ(o.reward_weights, (std::vector<double>{2}));
  EXPECT_EQ(o.training.seed, 3);
  EXPECT_EQ(set.size(), 9u);
  EXPECT_NO_THROW(from_yaml(o, "", "empty.yaml"));
}

TEST(ConfigYaml, RefusesWithFileAndLine) {
  EXPECT_EQ(refused_yaml("beta: 1\n\nstep: 3\n"),
            "option 'step' is not known here | run.yaml:3 | did you mean 'steps' or 'seed'?");
  EXPECT_EQ(refused_yaml("beta: high\n"),
            "option 'beta': wanted a number above 0, got 'high' | run.yaml:1 | ");
  EXPECT_EQ(refused_yaml("beta: 1\nbeta: 2\n"),
            "the key 'beta' stands twice | run.yaml:2 | the first is on line 1");
  EXPECT_EQ(refused_yaml("steps: 1\nmax_steps: 2\n"),
            "option 'steps' is given twice | run.yaml:2 | the first is on line 1");
  EXPECT_EQ(refused_yaml("steps: [1, 2]\n"),
            "option 'steps': wanted an integer from 1 to 1000, got a list | run.yaml:1 | ");
  EXPECT_EQ(refused_yaml("name: {a: 1}\n"),
            "option 'name': wanted text in UTF-8, got a mapping | run.yaml:1 | ");
  EXPECT_EQ(refused_yaml("\nsteps: null\n"),
            "option 'steps': wanted an integer from 1 to 1000, got null | run.yaml:2 | ");
  EXPECT_EQ(refused_yaml("devices:\n  - [1]\n"),
            "option 'devices': wanted an integer, got a list within the list | run.yaml:1 | ");
  EXPECT_NE(refused_yaml("- 1\n"), "accepted");
  EXPECT_NE(refused_yaml("just text\n"), "accepted");
}

TEST(ConfigYaml, RoundTripsExactly) {
  Options o;
  for (int i = 0; i < 2; ++i) {
    Options back;
    back.beta = 77;  // everything is written, so nothing of this may remain
    back.devices = {9};
    back.epsilon_high = 0.5;
    from_yaml(back, to_yaml(o), "round.yaml");
    EXPECT_EQ(back, o) << to_yaml(o);
    o.beta = 0.1 + 0.2;
    o.training.learning_rate = 5e-324;
    o.training.seed = INT64_MAX;
    o.epsilon_high = 1e-5;
    o.bf16 = true;
    o.chat_template_path = "null";
    o.reward_funcs = {"",   "a, b",      "[x]", "# no", "yes",
                      "12", "1e5",       "~",   "a: b", "Grüße ✓\n\t\"'\\",
                      "-",  "2026-01-01"};
    o.reward_weights = {1e22, 0, HUGE_VAL};
    o.devices = {-1, 2};
    for (int c = 0; c < 128; ++c) o.name += char(c);
  }
}

TEST(Help, IsGroupedAndNamesDefaultsAndRanges) {
  std::string text = help<Options>("usage: temper grpo [options]");
  EXPECT_EQ(text.find("usage: temper grpo [options]\n\noptions\n  --beta NUMBER"), 0u) << text;
  for (const char* part :
       {"--beta NUMBER ", "(from 1 to 1000; default 10)", "\nrewards\n", "\ntraining\n",
        "--reward_funcs TEXT …", "one of grpo, dapo, bnpo; default dapo", "default 1.0e-05",
        "sequence (default false)", "(at least 0; default 42)", "--config FILE"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("internal"), std::string::npos);
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    EXPECT_LE(text::width(std::string_view(text).substr(at, end - at)), 100);
    at = end + 1;
  }
}

TEST(JsonSchema, DescribesEveryField) {
  Json schema = json_schema<Options>("temper grpo");
  const Json& fields = schema["properties"];
  EXPECT_EQ(
      fields["beta"].dump(),
      R"({"type":"number","exclusiveMinimum":0.0,"description":"pull towards the reference, 1/nats; )"
      R"(larger stays nearer","default":0.1})");
  EXPECT_EQ(fields["steps"]["maximum"], 1000);
  EXPECT_EQ(fields["max_steps"]["deprecated"], true);
  EXPECT_EQ(fields["epsilon_high"]["type"].dump(), R"(["number","null"])");
  EXPECT_EQ(fields["reward_funcs"]["items"]["type"], "string");
  EXPECT_EQ(fields["loss_type"]["enum"].size(), 3u);
  EXPECT_EQ(schema["additionalProperties"], false);
}

TEST(Manifest, HoldsEveryValue) {
  Options o;
  o.epsilon_high = HUGE_VAL;
  o.reward_funcs = {"a"};
  Json json = to_json(o);
  EXPECT_EQ(json["beta"], 0.1);
  EXPECT_TRUE(json["epsilon_high"].is_null());
  EXPECT_TRUE(json["bf16"].is_null());
  EXPECT_EQ(json["reward_funcs"].dump(), R"(["a"])");
  EXPECT_EQ(json["seed"], 42);
}

TEST(Binding, JoinsSeveralStructsButNoNameTwice) {
  Options options;
  Training training;
  Binding binding = bind(training);
  EXPECT_THROW(binding.add(schema_of<Options>(), &options), std::logic_error);
}

}  // namespace temper::config
