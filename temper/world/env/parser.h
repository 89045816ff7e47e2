// What an environment takes out of the assistant's text as its answer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace temper::env {

/// The answer in a completion; nothing when it holds none. Never throws.
using Parser = std::function<std::optional<std::string>(const std::string& completion)>;

/// By name:
///   text       all of it
///   xml        between <field> and </field>; the last such pair, stripped
///   think      what follows the last </think>, stripped
///   last_line  the last line that is not blank, stripped
///   gsm8k      what follows the last "####" on its line, stripped
///   number     the last number, written plainly ("1,234.0" gives "1234")
/// `field` is for xml alone. Throws Error at `where` for other names.
Parser make_parser(const std::string& name, const std::string& field, const std::string& where);
const std::vector<std::string>& parser_names();

/// The answer in the form in which `name` finds it again ("<field>\nanswer\n</field>" for xml).
std::string write_answer(const std::string& name, const std::string& field,
                         const std::string& answer);

}  // namespace temper::env
