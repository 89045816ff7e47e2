#include "temper/foundation/config/config.h"

#include <algorithm>

#include "temper/foundation/error/error.h"

namespace temper::config {
namespace {

bool same_name(std::string_view given, std::string_view name) {
  return std::equal(given.begin(), given.end(), name.begin(), name.end(),
                    [](char a, char b) { return a == b || (a == '-' && b == '_'); });
}

}  // namespace

Field& Field::above(double bound) {
  range.low = bound;
  range.low_open = true;
  return *this;
}

Field& Field::at_least(double bound) {
  range.low = bound;
  range.low_open = false;
  return *this;
}

Field& Field::below(double bound) {
  range.high = bound;
  range.high_open = true;
  return *this;
}

Field& Field::at_most(double bound) {
  range.high = bound;
  range.high_open = false;
  return *this;
}

Field& Field::choices(std::vector<std::string> all) {
  ASSERT(kind == Kind::String, "choices are of a text");
  names = std::move(all);
  return *this;
}

Field& Field::required() {
  is_required = true;
  return *this;
}

Field& Field::alias(const std::string& other_name) {
  aliases.push_back(other_name);
  return *this;
}

Field& Field::hidden() {
  is_hidden = true;
  return *this;
}

Field& Field::group(const std::string& title) {
  heading = title;
  return *this;
}

void Binding::add(const Schema& schema, void* object) {
  for (const Field& field : schema.fields) {
    ASSERT(!find(field.name), ("no two options are called " + field.name).c_str());
    ASSERT(field.name != "config" && field.name != "help", "these names are taken");
    for (const std::string& alias : field.aliases) ASSERT(!find(alias), "an alias is not a name");
    entries_.push_back({field, field.place(object)});
  }
}

const Binding::Entry* Binding::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (same_name(name, entry.field.name)) return &entry;
    for (const std::string& alias : entry.field.aliases) {
      if (same_name(name, alias)) return &entry;
    }
  }
  return nullptr;
}

bool Parsed::given(std::string_view name) const {
  return std::find(set.begin(), set.end(), name) != set.end();
}

}  // namespace temper::config
