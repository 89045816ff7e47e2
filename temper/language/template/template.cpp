#include "temper/language/template/template.h"

#include "temper/foundation/error/error.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/parser.h"

namespace temper::jinja {

Template::Template(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

Template Template::parse(std::string_view source, const std::string& where) {
  return Template(std::make_shared<const Parsed>(parse_template(source, where)));
}

bool Template::has_generation_blocks() const {
  return parsed_->has_generation;
}

Rendered Template::render(const Json& variables, int64_t now_s, Limits limits) const {
  return Interpreter(*parsed_, now_s, limits).run(variables);
}

}  // namespace temper::jinja
