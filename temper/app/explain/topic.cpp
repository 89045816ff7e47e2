#include "temper/app/explain/topic.h"

#include <algorithm>
#include <cctype>

#include "temper/app/explain/asset.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/algo/score.h"
#include "temper/learn/algo/supervised.h"

namespace temper::explain {
namespace {

template <class Catalogue>
bool holds(const Catalogue& catalogue, std::string_view name) {
  return std::any_of(catalogue.begin(), catalogue.end(),
                     [&](const auto& row) { return row.name == name; });
}

std::string_view kind_of(const Asset& page) {
  if (page.folder != "algorithms") return page.folder.substr(0, page.folder.size() - 1);
  if (holds(algo::supervised_catalogue(), page.name)) return "supervised";
  if (holds(algo::preference_catalogue(), page.name)) return "preference";
  if (holds(algo::policy_catalogue(), page.name)) return "policy";
  if (holds(algo::score_catalogue(), page.name)) return "score";
  return "algorithm";
}

/// "Dr. GRPO" and "dr-grpo" are dr_grpo, "REINFORCE++" is reinforce_pp.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == '.') continue;
    key +=
        c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (key.ends_with("++")) key.replace(key.size() - 2, 2, "_pp");
  return key;
}

const Page* page_named(const std::string& name) {
  const auto found = std::find_if(pages().begin(), pages().end(),
                                  [&](const Page& page) { return page.name == name; });
  return found == pages().end() ? nullptr : &*found;
}

struct Defined {
  std::string name;
  Definition definition;
  size_t names;  // that its table defines
};

std::vector<Defined> read_definitions() {
  std::vector<Defined> all;
  for (const Page& page : pages()) {
    for (const Section& section : page.sections) {
      for (const Table& table : tables_of(section.body)) {
        const std::vector<std::string> of = names_in(table.head.front());
        if (of.size() != 1 || table.head.front() != "`" + of[0] + "`") continue;
        for (const auto& row : table.rows) {
          for (const std::string& name : names_in(row.front())) {
            all.push_back({name, {&page, &section, of[0], table.head, row}, table.rows.size()});
          }
        }
      }
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Defined& a, const Defined& b) { return a.names > b.names; });
  return all;
}

/// Those of larger tables first: `ipo` is one of dpo's many before it is one of cpo's few.
const std::vector<Defined>& all_definitions() {
  static const std::vector<Defined> all = read_definitions();
  return all;
}

/// The row as a list, then the section that it stands in; for the level concept the plain words.
std::string text_of(const std::string& name, const Definition& found, Level level) {
  const Section* words = found.page->section(kSections.front());
  const Section& section = level == Level::Concept && words ? *words : *found.section;
  std::string text = "# " + name + ": `" + found.of + "` of " + found.page->name + "\n\n";
  for (size_t c = 1; c < found.row.size(); ++c) {
    if (found.row[c].empty()) continue;
    text += "- " + (found.head[c].empty() ? "" : found.head[c] + ": ") + found.row[c] + "\n";
  }
  return text + "\n## " + found.page->name + ": " + section.title + "\n" + section.body +
         "\nThe whole page: `temper explain " + found.page->name + "`.\n";
}

[[noreturn]] void refuse(std::string_view name) {
  std::vector<std::string> known;
  for (const Page& page : pages()) known.push_back(page.name);
  for (const Defined& each : all_definitions()) known.push_back(each.name);
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  const std::string near = text::did_you_mean(key_of(name), known);
  throw Error({"there is no topic '" + std::string(name) + "'", "temper explain",
               near + (near.empty() ? "" : "  ") + "`temper explain` lists all of them"});
}

}  // namespace

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"supervised", "learn from given answers"},
      {"preference", "learn from answers that were compared or judged"},
      {"policy", "learn from rewards of the model's own answers"},
      {"score", "reward models"},
      {"algorithm", "other ways to learn"},
      {"concept", "foundations"},
      {"verifier", "verifiers: how an answer is scored"},
      {"task", "environments: what is asked"}};
  return all;
}

const std::vector<Page>& pages() {
  static const std::vector<Page> all = [] {
    std::vector<Page> ordered;
    for (const Kind& kind : kinds()) {
      for (const Asset& asset : assets()) {
        if (kind_of(asset) != kind.name) continue;
        ordered.push_back(parse_page(kind.name, asset.name, asset.text));
      }
    }
    return ordered;
  }();
  return all;
}

std::vector<Definition> definitions(std::string_view name) {
  const std::string key = key_of(name);
  std::vector<Definition> found;
  for (const Defined& each : all_definitions()) {
    if (key_of(each.name) == key) found.push_back(each.definition);
  }
  return found;
}

std::string explained(std::string_view name, Level level) {
  const std::string key = key_of(name);
  if (const Page* page = page_named(key)) return page->at(level);
  std::string text;
  for (const Definition& found : definitions(name)) {
    text += (text.empty() ? "" : "\n") + text_of(std::string(name), found, level);
  }
  if (text.empty()) refuse(name);
  return text;
}

}  // namespace temper::explain
