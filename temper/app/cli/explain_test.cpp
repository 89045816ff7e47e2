// `temper explain` as it is typed, and that what its pages tell people to type exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/app/cli/run_command.h"
#include "temper/app/explain/asset.h"
#include "temper/app/explain/inline.h"
#include "temper/app/explain/topic.h"
#include "temper/foundation/text/number.h"

namespace temper::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Ran explain(const std::vector<std::string>& args) {
  return run_command("explain", args);
}

/// "temper dpo --beta 1 `--x`" to beta, x.
std::set<std::string> flags_in(const std::string& text) {
  std::set<std::string> flags;
  for (size_t at = text.find("--"); at != text.npos; at = text.find("--", at)) {
    const size_t begin = at + 2;
    const bool starts =
        at == 0 || text[at - 1] == ' ' || text[at - 1] == '`' || text[at - 1] == '(';
    at = begin;
    while (at < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_')) {
      ++at;
    }
    if (starts && at > begin && std::isalpha(static_cast<unsigned char>(text[begin]))) {
      flags.insert(text.substr(begin, at - begin));
    }
  }
  return flags;
}

const std::map<std::string, std::set<std::string>>& flags_of_commands() {
  static const std::map<std::string, std::set<std::string>> all = [] {
    std::map<std::string, std::set<std::string>> found;
    for (const NamedCommand& row : command_catalogue()) {
      const std::string name(row.name);
      found[name] = flags_in(run_command(name, {"--help"}).out);
      found[name].insert({"help", "config", "quiet"});
    }
    return found;
  }();
  return all;
}

TEST(Explain, AloneListsEveryTopic) {
  const Ran ran = explain({});
  ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
  for (const temper::explain::Asset& asset : temper::explain::assets()) {
    EXPECT_TRUE(has(ran.out, "\n  " + std::string(asset.name) + " ")) << asset.name;
  }
  EXPECT_TRUE(has(ran.out, "learn from given answers"));
}

TEST(Explain, ListJsonIsOneArray) {
  const Ran ran = explain({"--list-json"});
  ASSERT_EQ(ran.error, "");
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].size(), temper::explain::assets().size());
  for (const Json& each : lines[0]) {
    EXPECT_EQ(each.size(), 3u);
    for (const char* key : {"name", "kind", "summary"}) {
      EXPECT_FALSE(each.at(key).get<std::string>().empty());
    }
  }
}

TEST(Explain, LevelsShowMoreAndMore) {
  const Ran plain = explain({"dpo", "--level", "concept"}), usual = explain({"dpo"}),
            all = explain({"dpo", "--level", "research"});
  EXPECT_TRUE(has(plain.out, "In plain words") && !has(plain.out, "Pitfalls")) << plain.out;
  EXPECT_TRUE(has(usual.out, "Pitfalls") && !has(usual.out, "Derivation")) << usual.out;
  EXPECT_TRUE(has(usual.out, "    loss = 0.620957047790")) << usual.out;
  EXPECT_TRUE(has(all.out, "Derivation")) << all.out;
  EXPECT_FALSE(has(all.out, "\x1b")) << "a pipe gets no escape sequences";
}

TEST(Explain, AnUnknownTopicOrLevelIsRefused) {
  EXPECT_TRUE(has(explain({"grpp"}).error, "did you mean 'grpo'"));
  EXPECT_TRUE(has(explain({"grpo", "--level", "expert"}).error, "research"));
  EXPECT_TRUE(has(explain({"grpo", "--choose"}).error, "two of them"));
}

TEST(Explain, ChooseNamesAMethodOrWhatIsMissing) {
  const std::vector<std::string> given = {"--choose", "--data",   "pairs", "--reward",
                                          "none",     "--memory", "24",    "--model_parameters",
                                          "135M"};
  const Ran ran = explain(given);
  ASSERT_EQ(ran.error, "");
  EXPECT_TRUE(has(ran.out, "temper dpo --model_name_or_path M")) << ran.out;
  for (size_t i = 1; i < given.size(); i += 2) {
    std::vector<std::string> without = given;
    without.erase(without.begin() + static_cast<ptrdiff_t>(i),
                  without.begin() + static_cast<ptrdiff_t>(i) + 2);
    const std::string name = given[i].substr(2);
    EXPECT_TRUE(has(explain(without).error, "option '" + name + "' is required")) << name;
  }
  EXPECT_TRUE(has(explain({"--choose", "--data", "pear"}).error, "pairs"));
}

TEST(Explain, CommandsAndFlagsOnPagesExist) {
  const auto& commands = flags_of_commands();
  std::set<std::string> any;
  for (const auto& [name, flags] : commands) any.insert(flags.begin(), flags.end());
  for (const temper::explain::Asset& asset : temper::explain::assets()) {
    bool code = false;
    for (const std::string& line : temper::explain::lines_of(asset.text)) {
      if (temper::explain::is_fence(line)) code = !code;
      for (const std::string& flag : flags_in(line)) {
        EXPECT_TRUE(any.count(flag)) << asset.name << ": no command has --" << flag;
      }
      if (!code || !line.starts_with("temper ")) continue;
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      ASSERT_TRUE(commands.count(name)) << asset.name << ": there is no `temper " << name << "`";
      for (const std::string& flag : flags_in(line)) {
        EXPECT_TRUE(commands.at(name).count(flag))
            << asset.name << ": temper " << name << " has no --" << flag;
      }
    }
  }
}

/// What help says of an option, white space as single spaces; "" when there is none of that name.
std::string help_of(const std::string& help, const std::string& option) {
  const size_t begin = help.find("\n  --" + option + " ");
  if (begin == help.npos) return "";
  std::string text;
  for (const char c : help.substr(begin + 1, help.find("\n  --", begin + 1) - begin - 1)) {
    const bool space = c == ' ' || c == '\n';
    if (!space || !text.ends_with(' ')) text += space ? ' ' : c;
  }
  return text;
}

TEST(Explain, OptionsOfTheRunAreTheCommandsWithTheirDefaults) {
  for (const temper::explain::Page& page : temper::explain::pages()) {
    const temper::explain::Section* section = page.section("Options");
    if (section == nullptr) continue;
    for (const temper::explain::Table& table : temper::explain::tables_of(section->body)) {
      if (table.head.size() < 2 || table.head[0] != "option of the run") continue;
      const std::string help = run_command(page.name, {"--help"}).out;
      for (const auto& row : table.rows) {
        const std::vector<std::string> names = temper::explain::names_in(row[0]);
        ASSERT_EQ(names.size(), 1u) << page.name << ": one option a row, got " << row[0];
        const std::string about = help_of(help, names[0]);
        ASSERT_FALSE(about.empty()) << page.name << " has no option " << names[0];
        const size_t begin = about.find("default ");
        const std::string standard =
            begin == about.npos ? "" : about.substr(begin + 8, about.find(')', begin) - begin - 8);
        const std::string cell = temper::explain::plain(row[1]);
        const auto number = text::parse_double(cell);
        const bool same = number
                              ? number == text::parse_double(standard)
                              : cell == standard || (standard.empty() && has(about, "(" + cell)) ||
                                    (standard.empty() && cell.starts_with("unset"));
        EXPECT_TRUE(same) << page.name << ": " << names[0] << " is '" << cell
                          << "' on the page, help says " << about;
      }
    }
  }
}

}  // namespace
}  // namespace temper::cli
