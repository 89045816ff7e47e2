// What is said in a conversation, before it becomes tokens.
#pragma once

#include <string>
#include <vector>

#include "temper/foundation/text/json.h"

namespace temper::chat {

struct Message {
  std::string role;     ///< system, user, assistant, tool, developer
  std::string content;  ///< text; empty when the message only calls tools
  JsonPtr
      extra;  ///< the message's other keys (tool_calls, name, thinking, …) as an object, or null
};

/// {"role", "content", …extra} in this order.
Json to_json(const Message& message);
/// Throws Error naming the key when `value` is not a message (role missing, content not a string or
/// null).
Message message_from_json(const Json& value, const std::string& where);
std::vector<Message> messages_from_json(const Json& value, const std::string& where);

}  // namespace temper::chat
