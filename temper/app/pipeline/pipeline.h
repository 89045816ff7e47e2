// Pipelines: stages that run one after the other, each a temper command with its options, each
// taking what earlier ones made.
//
//   output_dir: runs/rlhf
//   variables: {model: SmolLM2.gguf}
//   stages:
//     - {name: sft, command: sft, options: {model_name_or_path: "${model}", dataset_name: a.jsonl}}
//     - {name: reward, command: reward, options: {model_name_or_path: "${sft}", …}}
//
// ${NAME} is a variable, or the folder of an earlier stage. A stage's fingerprint covers its
// command, its options, the content of the files they name and the fingerprints of the stages it
// takes from: while it stays the same, a finished stage is not run again.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/config/yaml.h"
#include "temper/foundation/text/json.h"

namespace temper::pipeline {

struct Stage {
  std::string name, command;
  config::Yaml options;  ///< a mapping, as written
  int line = 1;
};

struct Pipeline {
  std::string path;        ///< the file it was read from
  std::string output_dir;  ///< each stage has a folder of its name in it
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<Stage> stages;

  std::string folder(const Stage& stage) const { return output_dir + "/" + stage.name; }
};

/// What the command line says instead of the file.
struct Overrides {
  std::string output_dir;
  std::vector<std::pair<std::string, std::string>> variables;
};
/// Throws Error with file and line for what is missing, misspelt or named twice, and for variables
/// that the file does not have.
Pipeline read_pipeline(const std::string& path, const Overrides& overrides = {});

/// A stage as it is run.
struct Resolved {
  std::string yaml;                ///< its options, every ${…} replaced
  std::vector<std::string> files;  ///< existing files and folders that they name, not a stage's own
  std::vector<std::string> after;  ///< names of the stages it takes from
};
/// Throws Error for a ${NAME} that is neither a variable nor an earlier stage.
Resolved resolve(const Pipeline& pipeline, const Stage& stage);

/// What is known of a pipeline's stages and files from run to run: output_dir/pipeline.json.
class Ledger {
 public:
  explicit Ledger(const std::string& output_dir);

  /// Of a stage whose predecessors have theirs in the ledger. Files whose size and time are those
  /// of the last reading are not read again.
  std::string fingerprint(const Pipeline& pipeline, const Stage& stage);

  enum class Standing { New, Changed, Stopped, Finished };
  Standing standing(const Stage& stage, const std::string& fingerprint) const;
  /// Written at once.
  void begin(const Stage& stage, const std::string& fingerprint);
  void finish(const Stage& stage, double seconds);

 private:
  std::string content(const std::string& path);
  void write() const;

  std::string path_;
  JsonPtr held_;
};

/// What runs a stage: the command with a YAML file of its options, and the folder for its output.
struct Call {
  std::string command, options_file, output_dir;
  bool resume = false;  ///< the folder holds the beginning of this very run
};
enum class Outcome { Done, Interrupted };
using Runner = std::function<Outcome(const Call& call)>;
/// Hears of every stage, in order: `fate` is kept, runs, goes on, or runs again.
using Listener = std::function<void(const Stage& stage, const std::string& fate)>;

/// Runs what has to be run. The folder of a stage that changed is kept under another name. An Error
/// from a stage names it.
Outcome run(const Pipeline& pipeline, const Runner& runner, const Listener& listener);

}  // namespace temper::pipeline
