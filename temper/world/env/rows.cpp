#include "temper/world/env/rows.h"

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/tag.h"

namespace temper::env {
namespace {

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : text::to_line(value);
}

[[noreturn]] void no_column(const Json& line, const std::string& name, const std::string& where) {
  std::vector<std::string> there;
  std::string all;
  for (const auto& [key, value] : line.items()) {
    there.push_back(key);
    all += (all.empty() ? "" : ", ") + key;
  }
  throw Error({"no column '" + name + "'; the row has: " + (all.empty() ? "none" : all), where,
               text::did_you_mean(name, there)});
}

std::string filled(const std::string& pattern, const Json& line, const std::string& where) {
  std::string out;
  for (size_t at = 0; at < pattern.size();) {
    size_t open = pattern.find('{', at), close = pattern.find('}', open);
    out += pattern.substr(at, open - at);
    if (open == pattern.npos) break;
    if (close == pattern.npos)
      throw Error({"the prompt template opens a { and does not close it", where, ""});
    std::string name = pattern.substr(open + 1, close - open - 1);
    if (!line.contains(name)) no_column(line, name, where);
    out += as_text(line.at(name));
    at = close + 1;
  }
  return out;
}

std::vector<chat::Message> prompt_of(const Json& line, const Columns& columns,
                                     const std::string& where) {
  if (!columns.prompt_template.empty())
    return {{"user", filled(columns.prompt_template, line, where), nullptr}};
  for (const std::string& name : columns.prompt) {
    if (!line.contains(name)) continue;
    const Json& value = line.at(name);
    if (value.is_array()) {
      auto messages = chat::messages_from_json(value, where);
      if (!messages.empty()) return messages;
    } else if (value.is_string()) {
      return {{"user", value.get<std::string>(), nullptr}};
    }
    throw Error(
        {"column '" + name + "': wanted text or a list of messages, got " + text::to_line(value),
         where, ""});
  }
  no_column(line, columns.prompt.front(), where);
}

Row row_of(const Json& line, const Columns& columns, const std::string& where) {
  if (!line.is_object()) throw Error({"wanted an object, got " + text::to_line(line), where, ""});
  Row row{.prompt = prompt_of(line, columns, where), .answer = "", .info = nullptr, .where = where};
  if (line.contains(columns.answer)) {
    const Json& answer = line.at(columns.answer);
    if (!answer.is_string() && !answer.is_number())
      throw Error(
          {"column '" + columns.answer + "': wanted text or a number, got " + text::to_line(answer),
           where, ""});
    row.answer = as_text(answer);
  }
  Json info = Json::object();
  if (line.contains("info") && line.at("info").is_object()) {
    info = line.at("info");
  } else {
    for (const auto& [key, value] : line.items()) info[key] = value;
  }
  row.info = std::make_shared<const Json>(std::move(info));
  return row;
}

}  // namespace

std::vector<Row> read_rows(const std::string& path, const Columns& columns) {
  std::string all = file::read_file(path);
  std::vector<Row> rows;
  int number = 0;
  for (size_t at = 0; at < all.size();) {
    size_t end = std::min(all.find('\n', at), all.size());
    std::string_view line = text::strip(std::string_view(all).substr(at, end - at));
    at = end + 1;
    std::string where = path + ":" + std::to_string(++number);
    if (!line.empty()) rows.push_back(row_of(text::parse_json(line, where), columns, where));
  }
  if (rows.empty()) throw Error({"the file holds no rows", path, "write one JSON object a line"});
  return rows;
}

RowSet read_split(const std::string& path, const std::string& held_out_path,
                  const Columns& columns) {
  if (!held_out_path.empty()) return {read_rows(path, columns), read_rows(held_out_path, columns)};
  RowSet set;
  int64_t number = 0;
  for (Row& row : read_rows(path, columns)) {
    (++number % 5 == 0 ? set.held_out : set.train).push_back(std::move(row));
  }
  if (set.held_out.empty())
    throw Error({"too few rows to hold some out: wanted at least 5, got " + std::to_string(number),
                 path, "name a file for the held-out part"});
  return set;
}

}  // namespace temper::env
