// For tests: a member of any family by name.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "temper/foundation/config/config.h"
#include "temper/foundation/config/yaml.h"

namespace temper::algo {

/// The catalogue's member of that name, its options read from lines of YAML.
template <class Catalogue>
auto named_member(const Catalogue& catalogue, const std::string& name,
                  const std::string& yaml = "") {
  for (const auto& named : catalogue) {
    if (named.name != name) continue;
    const std::shared_ptr<void> options = named.member->options();
    config::Binding binding;
    binding.add(named.member->schema(), options.get());
    config::from_yaml(binding, yaml, "test");
    return named.member->make(options);
  }
  throw std::runtime_error("no member " + name);
}

}  // namespace temper::algo
