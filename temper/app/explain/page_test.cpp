// What every page of docs/ must have, and what `temper explain` makes of it. Pages are found in the
// folder: a new one is held to the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/app/explain/asset.h"
#include "temper/app/explain/inline.h"
#include "temper/app/explain/topic.h"
#include "temper/foundation/config/config.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/number.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/algo/score.h"
#include "temper/learn/algo/supervised.h"

namespace temper::explain {
namespace {

namespace fs = std::filesystem;

const std::string kDocs = SOURCE_DIR "/docs/";

/// Members of the algorithms' families, each with its options' defaults by name.
std::map<std::string, Json> members() {
  std::map<std::string, Json> all;
  auto add = [&](const auto& catalogue) {
    for (const auto& named : catalogue) {
      const std::shared_ptr<void> options = named.member->options();
      config::Binding binding;
      binding.add(named.member->schema(), options.get());
      all[std::string(named.name)] = config::to_json(binding);
    }
  };
  add(algo::supervised_catalogue());
  add(algo::preference_catalogue());
  add(algo::policy_catalogue());
  add(algo::score_catalogue());
  return all;
}

const Page* page_of(const std::string& name) {
  for (const Page& page : pages()) {
    if (page.name == name) return &page;
  }
  return nullptr;
}

bool is_algorithm(const Page& page) {
  return fs::exists(kDocs + "algorithms/" + page.name + ".md");
}

std::string wanted_sections() {
  std::string all;
  for (std::string_view each : kSections) all += "\n  ## " + std::string(each);
  return all;
}

/// What the Options table says: name → default.
std::map<std::string, std::string> options_on(const Page& page) {
  std::map<std::string, std::string> found;
  const Section* section = page.section("Options");
  if (section == nullptr) return found;
  for (const Table& table : tables_of(section->body)) {
    if (table.head.size() < 2 || table.head[0] != "option") continue;
    for (const auto& row : table.rows) {
      const std::vector<std::string> names = names_in(row[0]);
      EXPECT_EQ(names.size(), 1u) << page.name << ": one option a row, got " << row[0];
      for (const std::string& name : names) found[name] = plain(row[1]);
    }
  }
  return found;
}

/// The page whose options this one's are, but for those in its own table.
const Page* inherited(const Page& page) {
  const std::string& body = page.section("Options")->body;
  const size_t begin = body.find("]("), end = body.find(".md", begin);
  return end == body.npos ? nullptr : page_of(body.substr(begin + 2, end - begin - 2));
}

bool says(const std::string& cell, const Json& value) {
  const bool unset = value.is_null() || (value.is_array() && value.empty()) || value == "";
  if (unset) return cell.starts_with("unset");
  if (value.is_number()) return text::parse_double(cell) == value.get<double>();
  if (value.is_boolean()) return cell == (value.get<bool>() ? "true" : "false");
  if (value.is_string()) return cell == value.get<std::string>();
  std::string list;
  for (const Json& each : value) list += (list.empty() ? "" : ", ") + each.get<std::string>();
  return cell == list;
}

TEST(Page, EveryMemberOfAFamilyHasOne) {
  for (const auto& [name, options] : members()) {
    EXPECT_TRUE(page_of(name)) << "docs/algorithms/" << name << ".md is missing";
  }
}

TEST(Page, EveryAlgorithmsPageHasEverySectionInOrder) {
  for (const Page& page : pages()) {
    if (!is_algorithm(page)) continue;
    const std::string file = "docs/algorithms/" + page.name + ".md";
    const Section* before = nullptr;
    for (std::string_view wanted : kSections) {
      const Section* section = page.section(wanted);
      EXPECT_TRUE(section) << file << " has no section '## " << wanted
                           << "'. Wanted, in this order:" << wanted_sections();
      if (section == nullptr) continue;
      EXPECT_GT(section->body.size(), 20u) << file << ": '## " << wanted << "' is empty";
      EXPECT_LT(before, section) << file << ": '## " << wanted
                                 << "' stands too early. Wanted, in this order:"
                                 << wanted_sections();
      before = section;
    }
  }
}

TEST(Page, EveryOneHasATitleAndASummary) {
  std::set<std::string> names;
  for (const Page& page : pages()) {
    EXPECT_TRUE(names.insert(page.name).second) << page.name << " is the name of two pages";
    EXPECT_TRUE(page.title == page.name || page.title.starts_with(page.name + ": "))
        << page.name << ": the first line must be '# " << page.name << ": …', got " << page.title;
    EXPECT_GT(page.summary.size(), 15u) << page.name << " has no opening sentence";
    EXPECT_LT(page.summary.size(), 200u) << page.name << ": shorten the opening sentence";
  }
}

TEST(Page, ItsOptionsAreTheMembersWithTheirDefaults) {
  for (const auto& [name, defaults] : members()) {
    const Page* page = page_of(name);
    if (page == nullptr || page->section("Options") == nullptr) continue;  // told of above
    const std::string file = "docs/algorithms/" + name + ".md, Options";
    const auto own = options_on(*page);
    const Page* other = inherited(*page);
    const auto theirs = other ? options_on(*other) : std::map<std::string, std::string>();
    for (const auto& [option, value] : defaults.items()) {
      const bool is_own = own.count(option) > 0;
      ASSERT_TRUE(is_own || theirs.count(option))
          << file << " has no row for `" << option << "`, default " << value;
      const std::string cell = is_own ? own.at(option) : theirs.at(option);
      EXPECT_TRUE(says(cell, value))
          << file << ": `" << option << "` is " << value << " by default, the page says '" << cell
          << "' (write 'unset' for what has no default)";
    }
    for (const auto& [option, cell] : own) {
      EXPECT_TRUE(defaults.contains(option)) << file << ": there is no option `" << option << "`";
    }
  }
}

TEST(Page, EveryNumberThatClaimsToBeComputedIs) {
  std::string tests;
  for (const auto& entry : fs::recursive_directory_iterator(SOURCE_DIR "/temper")) {
    if (entry.path().string().ends_with("_test.cpp")) {
      std::string text = file::read_file(entry.path().string());
      text.erase(
          std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }),
          text.end());
      tests += text;
    }
  }
  for (const Asset& asset : assets()) {
    const bool worked = asset.text.find("\nassert: ") != asset.text.npos;
    if (worked) {
      const std::string name(asset.name);
      const bool asked = tests.find("expect_page(\"" + name + "\"") != tests.npos ||
                         tests.find("/docs/algorithms/" + name + ".md\"") != tests.npos;
      EXPECT_TRUE(asked) << "no test computes the numbers of docs/" << asset.folder << "/"
                         << asset.name << ".md";
    }
    if (asset.folder == "algorithms") {
      EXPECT_TRUE(worked) << "docs/algorithms/" << asset.name << ".md has no 'assert:' line";
    }
  }
}

TEST(Page, TheProgramHoldsTheFilesAsTheyAre) {
  std::map<std::string, std::string> held;
  for (const Asset& asset : assets()) {
    held[std::string(asset.folder) + "/" + std::string(asset.name)] = std::string(asset.text);
  }
  for (const char* folder : {"algorithms", "concepts", "verifiers", "tasks"}) {
    for (const auto& entry : fs::directory_iterator(kDocs + folder)) {
      const std::string key = std::string(folder) + "/" + entry.path().stem().string();
      EXPECT_EQ(held[key], file::read_file(entry.path().string())) << key;
    }
  }
}

TEST(Page, LinksLeadToFiles) {
  for (const Asset& asset : assets()) {
    const fs::path folder = kDocs + std::string(asset.folder);
    for (size_t at = asset.text.find("]("); at != asset.text.npos;
         at = asset.text.find("](", at + 1)) {
      const std::string target(
          asset.text.substr(at + 2, asset.text.find_first_of(")#", at) - at - 2));
      if (target.starts_with("http") || target.empty()) continue;
      EXPECT_TRUE(fs::exists(folder / target)) << asset.name << " links to " << target;
    }
  }
}

TEST(Levels, EachAddsToTheOneBefore) {
  for (const Page& page : pages()) {
    const std::string concept_ = page.at(Level::Concept), practice = page.at(Level::Practice),
                      research = page.at(Level::Research);
    EXPECT_LE(concept_.size(), practice.size()) << page.name;
    EXPECT_LE(practice.size(), research.size()) << page.name;
    if (!is_algorithm(page)) continue;
    EXPECT_EQ(concept_.find("## Formula"), concept_.npos) << page.name;
    EXPECT_NE(practice.find("## Pitfalls"), practice.npos) << page.name;
    EXPECT_EQ(practice.find("## Derivation"), practice.npos) << page.name;
    EXPECT_NE(research.find("## Derivation"), research.npos) << page.name;
  }
}

TEST(Levels, APageOfAVerifierIsShownWhole) {
  const Page* page = page_of("exact");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->at(Level::Concept), page->at(Level::Research));
}

TEST(Topic, NamesOfLossTypesLeadToTheirMember) {
  const std::map<std::string, std::string> owners = {
      {"ipo", "dpo"},    {"simpo", "cpo"},  {"alphapo", "cpo"},    {"abs", "kl"},
      {"cispo", "grpo"}, {"sapo", "grpo"},  {"vespo", "grpo"},     {"bnpo", "grpo"},
      {"luspo", "grpo"}, {"robust", "dpo"}, {"apo_zero", "dpo"},   {"wpo", "dpo"},
      {"k3", "kl"},      {"ld_dpo", "dpo"}, {"forward_kl", "dpo"}, {"whitening", "advantages"},
  };
  for (const auto& [name, owner] : owners) {
    std::set<std::string> found;
    for (const Definition& each : definitions(name)) found.insert(each.page->name);
    EXPECT_TRUE(found.count(owner)) << name;
    EXPECT_NE(explained(name, Level::Practice).find("temper explain " + owner), std::string::npos);
  }
}

TEST(Topic, EveryLossTypeOfAMemberIsExplained) {
  auto check = [](const auto& catalogue) {
    for (const auto& named : catalogue) {
      for (const config::Field& field : named.member->schema().fields) {
        if (field.name != "loss_type") continue;
        for (const std::string& value : field.names) {
          EXPECT_NO_THROW(explained(value, Level::Practice)) << named.name << " " << value;
        }
      }
    }
  };
  check(algo::supervised_catalogue());
  check(algo::preference_catalogue());
  check(algo::policy_catalogue());
}

TEST(Topic, ANameInATableIsExplainedAtEveryLevel) {
  const std::string words = explained("simpo", Level::Concept),
                    usual = explained("simpo", Level::Practice);
  EXPECT_NE(words.find("In plain words"), words.npos);
  EXPECT_EQ(words.find("cpo: Formula"), words.npos);
  EXPECT_NE(usual.find("cpo: Formula"), usual.npos);
}

TEST(Topic, NamesAreReadAsPeopleWriteThem) {
  for (const char* name : {"GRPO", "Dr. GRPO", "dr-grpo", "REINFORCE++", "SimPO", "token-mean"}) {
    EXPECT_NO_THROW(explained(name, Level::Concept)) << name;
  }
}

TEST(Topic, AnUnknownOneNamesTheNearest) {
  try {
    explained("grpp", Level::Practice);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "there is no topic 'grpp'");
    EXPECT_TRUE(error.parts().try_.starts_with("did you mean 'grpo'")) << error.what();
    EXPECT_NE(error.parts().try_.find("lists all"), std::string::npos);
  }
  EXPECT_THROW(explained("", Level::Practice), Error);
  EXPECT_THROW(explained("\xff\x01 zzzzzzzzzzzz", Level::Practice), Error);
}

}  // namespace
}  // namespace temper::explain
