// Pieces of HTML. All text from files passes through escaped().
#pragma once

#include <string>
#include <string_view>

#include "temper/foundation/text/json.h"

namespace temper::report {

/// Text as HTML: & < > " ' become entities, invalid UTF-8 becomes U+FFFD.
std::string escaped(std::string_view text);

/// Cut in the middle to about `bytes`, at code points, with a note of how much is left out.
std::string shortened(const std::string& text, size_t bytes);

/// Escaped text with [PII]-like marks coloured and <tags> dimmed.
std::string answer_html(const std::string& text);

/// Escaped text with what stands between ⟦ and ⟧ coloured.
std::string trained_html(const std::string& text);

/// JSON for a script element: no "<" in it.
std::string script_json(const Json& value);

/// The last part of a path.
std::string leaf(const std::string& path);

/// The string at `key` of an object, or "".
std::string words(const Json& object, const char* key);

/// 3 or so significant digits: "1,180", "0.043", "2.1e-05".
std::string figure(double value);
/// With a sign: "+0.43", "−0.05".
std::string signed_figure(double value);

}  // namespace temper::report
