// One option's value: reading it from text, printing it. For this folder's sources.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/foundation/error/error.h"

namespace temper::config {

/// Reads texts (one, or any number for Shape::Many) into the entry, range and choices checked.
/// Throws Error with `where`.
void assign(const Binding::Entry& entry, const std::vector<std::string>& texts,
            const std::string& where);
/// Empties an optional or a list; throws for the rest.
void assign_null(const Binding::Entry& entry, const std::string& where);

/// The value as texts that assign() reads back; none for an unset optional.
std::vector<std::string> texts(const Binding::Entry& entry);
/// The value as JSON; null for an unset optional.
Json json_value(const Binding::Entry& entry);

/// What the field accepts: "an integer of at least 1", "one of a, b".
std::string wanted(const Field& field);

/// "option 'beta': wanted a number above 0, got '-1'", ready to throw.
Error refusal(const Field& field, const std::string& got, const std::string& where);

/// true/false, yes/no, on/off, 1/0, in any case.
std::optional<bool> parse_bool(std::string_view text);

}  // namespace temper::config
