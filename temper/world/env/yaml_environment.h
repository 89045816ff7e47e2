// An environment that somebody writes without a compiler: one YAML file and JSON Lines rows.
//
//   name: capitals
//   system_prompt: Answer with the name of the city inside <answer> tags.
//   parser: {name: xml, field: answer}
//   prompt: question                # the column with the question …
//   prompt_template: "What is the capital of {country}?"   # … or a text around columns
//   answer: capital                 # the column with the reference
//   rows: {train: train.jsonl, held_out: held_out.jsonl}   # beside this file
//   rewards:
//     - {verifier: exact, weight: 1, options: {case_insensitive: true}}
//     - {verifier: xml_format, name: format, weight: 0.1, options: {fields: [answer]}}
#pragma once

#include <memory>
#include <string>

#include "temper/world/env/environment.h"

namespace temper::env {

/// Throws Error with file and line for keys that mean nothing, values of the wrong kind, and what
/// parsers, verifiers and rows refuse.
std::unique_ptr<Environment> read_environment(const std::string& yaml_path);

}  // namespace temper::env
