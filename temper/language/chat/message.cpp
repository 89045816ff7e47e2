#include "temper/language/chat/message.h"

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::chat {

Json to_json(const Message& message) {
  Json out = {{"role", message.role}, {"content", message.content}};
  if (message.extra) {
    for (const auto& [key, value] : message.extra->items()) out[key] = value;
  }
  return out;
}

Message message_from_json(const Json& value, const std::string& where) {
  auto wrong = [&](const std::string& key, const std::string& wanted, const Json& got) -> Error {
    return Error({key + ": wanted " + wanted + ", got " + std::string(got.type_name()), where,
                  "a message is {\"role\": \"user\", \"content\": \"…\"}"});
  };
  if (!value.is_object()) throw wrong("message", "an object", value);
  auto role = value.find("role");
  if (role == value.end()) throw wrong("role", "a string", Json());
  if (!role->is_string()) throw wrong("role", "a string", *role);
  Message out{.role = role->get<std::string>(), .content = "", .extra = nullptr};
  Json extra = Json::object();
  for (const auto& [key, held] : value.items()) {
    if (key == "role") continue;
    if (key != "content") {
      extra[key] = held;
    } else if (held.is_string()) {
      out.content = held.get<std::string>();
    } else if (!held.is_null()) {
      throw wrong("content", "a string or null", held);
    }
  }
  if (!extra.empty()) out.extra = std::make_shared<const Json>(std::move(extra));
  return out;
}

std::vector<Message> messages_from_json(const Json& value, const std::string& where) {
  if (!value.is_array()) {
    throw Error({"messages: wanted a list, got " + std::string(value.type_name()), where, ""});
  }
  std::vector<Message> out;
  for (size_t i = 0; i < value.size(); ++i) {
    out.push_back(message_from_json(value[i], where + ", message " + std::to_string(i)));
  }
  return out;
}

}  // namespace temper::chat
