// Reading options from a command line and from YAML.
#include <algorithm>
#include <filesystem>
#include <map>

#include "temper/foundation/config/config.h"
#include "temper/foundation/config/value.h"
#include "temper/foundation/config/yaml.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/number.h"

namespace temper::config {
namespace {

using Entry = Binding::Entry;
constexpr const char* kCommandLine = "the command line";

Error unknown(const Binding& binding, const std::string& name, const std::string& command,
              const std::string& where) {
  std::string spelt = name;
  std::replace(spelt.begin(), spelt.end(), '-', '_');
  std::vector<std::string> visible, all;
  for (const Entry& entry : binding.entries()) {
    all.push_back(entry.field.name);
    if (!entry.field.is_hidden) visible.push_back(entry.field.name);
  }
  std::string what = "option '" + name + "' is not ";
  what += command.empty() ? "known here" : "one of " + command + "'s";
  constexpr size_t kFew = 8;
  for (size_t i = 0; visible.size() <= kFew && i < visible.size(); ++i) {
    what += (i ? ", " : ": ") + visible[i];
  }
  std::string try_ = text::did_you_mean(spelt, all);
  if (!command.empty()) {
    try_ += (try_.empty() ? "`temper " : "  `temper ") + command + " --help` lists them";
  }
  return Error({what, where, try_});
}

void assign_yaml(const Entry& entry, const Yaml& value, const std::string& where) {
  const Field& field = entry.field;
  std::vector<std::string> texts;
  switch (value.type) {
    case Yaml::Type::Null:
      return assign_null(entry, where);
    case Yaml::Type::Mapping:
      throw refusal(field, "a mapping", where);
    case Yaml::Type::Sequence:
      if (field.shape != Shape::Many) throw refusal(field, "a list", where);
      for (const Yaml& item : value.items) {
        if (item.type != Yaml::Type::Scalar) throw refusal(field, "a list within the list", where);
        texts.push_back(item.scalar);
      }
      break;
    case Yaml::Type::Scalar:
      texts.push_back(value.scalar);
  }
  assign(entry, texts, where);
}

std::vector<std::string> read_mapping(const Binding& binding, const Yaml& mapping,
                                      const std::string& where, const std::string& command) {
  if (mapping.type != Yaml::Type::Mapping) {
    throw Error({"wanted 'option: value' lines, got something else",
                 where + ":" + std::to_string(mapping.line), ""});
  }
  std::map<const Entry*, int> lines;
  std::vector<std::string> set;
  for (const auto& [name, value] : mapping.entries) {
    std::string place = where + ":" + std::to_string(value.line);
    const Entry* entry = binding.find(name);
    if (!entry) throw unknown(binding, name, command, place);
    if (auto [first, fresh] = lines.emplace(entry, value.line); !fresh) {
      throw Error({"option '" + entry->field.name + "' is given twice", place,
                   "the first is on line " + std::to_string(first->second)});
    }
    assign_yaml(*entry, value, place);
    set.push_back(entry->field.name);
  }
  return set;
}

// What the command line says of one option.
struct Given {
  std::vector<std::string> texts;
  bool null = false;
};

class CommandLine {
 public:
  CommandLine(const Binding& binding, std::span<const std::string> args, const std::string& command)
      : binding_(binding), args_(args), command_(command) {}

  Parsed parse() {
    Parsed parsed;
    for (const std::string& arg : args_) {
      if (arg == "--") break;
      if (arg == "--help" || arg == "-h") {
        parsed.help = true;
        return parsed;
      }
    }
    while (at_ < args_.size()) {
      const std::string& arg = args_[at_++];
      if (arg == "--") {
        parsed.positional.insert(parsed.positional.end(), args_.begin() + long(at_), args_.end());
        break;
      }
      if (is_value(arg)) {
        parsed.positional.push_back(arg);
      } else {
        option(arg);
      }
    }
    if (config_) parsed.set = from_file(*config_);
    for (const auto& [entry, given] : given_) {
      if (given.null) {
        assign_null(*entry, kCommandLine);
      } else {
        assign(*entry, given.texts, kCommandLine);
      }
      if (!parsed.given(entry->field.name)) parsed.set.push_back(entry->field.name);
    }
    require(parsed);
    return parsed;
  }

 private:
  // Anything that does not look like an option; "-" and negative numbers are values.
  static bool is_value(const std::string& arg) {
    return arg.size() < 2 || arg[0] != '-' || text::parse_double(arg).has_value();
  }

  std::string next_value(const std::string& name) {
    if (at_ >= args_.size() || !is_value(args_[at_])) {
      throw Error({"option '" + name + "' lacks its value" +
                       (at_ < args_.size() ? ", got '" + args_[at_] + "'" : ""),
                   kCommandLine, "a value that begins with '-' is written --" + name + "=-value"});
    }
    return args_[at_++];
  }

  void option(const std::string& arg) {
    if (arg[1] != '-') {
      throw Error(
          {"option '" + arg + "' is not known", kCommandLine, "options begin with two dashes"});
    }
    size_t equals = arg.find('=');
    std::string name = arg.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = arg.substr(equals + 1);
    if (name == "config") {
      if (config_) throw Error({"option 'config' is given twice", kCommandLine, "keep one"});
      config_ = value ? *value : next_value(name);
      return;
    }
    const Entry* entry = binding_.find(name);
    if (!entry && !value && (name.starts_with("no_") || name.starts_with("no-"))) {
      entry = binding_.find(name.substr(3));
      if (entry && entry->field.kind != Kind::Bool) entry = nullptr;
      value = "false";
    }
    if (!entry) throw unknown(binding_, name, command_, kCommandLine);
    add(*entry, values(*entry, value));
  }

  std::vector<std::string> values(const Entry& entry, const std::optional<std::string>& attached) {
    const Field& field = entry.field;
    if (attached) return {*attached};
    if (field.kind == Kind::Bool && field.shape != Shape::Many) {
      bool follows = at_ < args_.size() && parse_bool(args_[at_]);
      return {follows ? args_[at_++] : "true"};
    }
    std::vector<std::string> list = {next_value(field.name)};
    while (field.shape == Shape::Many && at_ < args_.size() && is_value(args_[at_])) {
      list.push_back(args_[at_++]);
    }
    return list;
  }

  void add(const Entry& entry, std::vector<std::string> texts) {
    auto place =
        std::find_if(given_.begin(), given_.end(), [&](auto& g) { return g.first == &entry; });
    if (place == given_.end()) place = given_.insert(given_.end(), {&entry, {}});
    Given& given = place->second;
    const Field& field = entry.field;
    if (field.shape != Shape::Many && !given.texts.empty()) {
      throw Error({"option '" + field.name + "' is given twice: '" + given.texts[0] + "' and '" +
                       texts[0] + "'",
                   kCommandLine, "keep one"});
    }
    bool none = texts[0] == "none" || texts[0] == "null" || texts[0] == "None";
    given.null = field.shape == Shape::Optional && field.kind != Kind::String && none;
    given.texts.insert(given.texts.end(), texts.begin(), texts.end());
  }

  std::vector<std::string> from_file(const std::string& path) {
    constexpr uintmax_t kMostBytes = 1 << 20;
    std::error_code fault;
    uintmax_t size = std::filesystem::file_size(path, fault);
    if (!fault && size > kMostBytes) {
      throw Error({"a config has at most 1,048,576 bytes, this has " + text::grouped(int64_t(size)),
                   path, "is this the right file?"});
    }
    return read_mapping(binding_, parse_yaml(file::read_file(path), path), path, command_);
  }

  void require(const Parsed& parsed) const {
    for (const Entry& entry : binding_.entries()) {
      if (!entry.field.is_required || parsed.given(entry.field.name)) continue;
      throw Error({"option '" + entry.field.name + "' is required: " + entry.field.about,
                   kCommandLine, "add --" + entry.field.name + " (" + wanted(entry.field) + ")"});
    }
  }

  const Binding& binding_;
  std::span<const std::string> args_;
  const std::string& command_;
  size_t at_ = 0;
  std::optional<std::string> config_;
  std::vector<std::pair<const Entry*, Given>> given_;  // in the order given
};

}  // namespace

Parsed parse(const Binding& binding, std::span<const std::string> args,
             const std::string& command) {
  return CommandLine(binding, args, command).parse();
}

std::vector<std::string> from_yaml(const Binding& binding, const std::string& yaml,
                                   const std::string& where) {
  return from_yaml(binding, parse_yaml(yaml, where), where);
}

std::vector<std::string> from_yaml(const Binding& binding, const Yaml& mapping,
                                   const std::string& where) {
  return read_mapping(binding, mapping, where, "");
}

}  // namespace temper::config
