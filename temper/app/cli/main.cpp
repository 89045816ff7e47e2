// temper COMMAND …: finds the command, runs it, turns what it throws into a message and an exit
// code.
#include <fmt/format.h>

#include <malloc.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "temper/app/cli/command.h"
#include "temper/foundation/text/nearest.h"

namespace {

std::atomic<bool> interrupted{
    false};  // the one mutable global: a signal handler can reach nothing else

void on_interrupt(int) {
  if (interrupted.exchange(true)) _exit(130);  // the second press does not wait
}

using temper::Exit;

std::string overview() {
  std::string text =
      "temper: fine-tune, reward, search and serve language models, on one set of weights and "
      "kernels\n\n"
      "usage: temper COMMAND [options]     temper COMMAND --help\n";
  for (const char* group : {"train", "try", "look", "plumbing"}) {
    text += fmt::format("\n{}\n", group);
    for (const auto& [name, member] : temper::cli::command_catalogue()) {
      if (member->group == group) text += fmt::format("  {:<10} {}\n", name, member->summary);
    }
  }
  return text;
}

Exit run(std::vector<std::string> words) {
  const auto quiet = std::find(words.begin(), words.end(), "--quiet");
  const bool is_quiet = quiet != words.end();
  if (is_quiet) words.erase(quiet);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    temper::runlog::print(overview());
    return words.empty() ? Exit::Usage : Exit::Done;
  }
  if (words[0] == "--version") {
    temper::runlog::print("temper " TEMPER_VERSION "\n");
    return Exit::Done;
  }
  std::vector<std::string> names;
  for (const auto& [name, member] : temper::cli::command_catalogue()) {
    if (name == words[0]) {
      const temper::cli::Context context{temper::runlog::detect(is_quiet), &interrupted};
      return member->run(std::span(words).subspan(1), context);
    }
    names.emplace_back(name);
  }
  throw temper::cli::UsageError(temper::Error(
      {"there is no command '" + words[0] + "'", "", temper::text::did_you_mean(words[0], names)}));
}

}  // namespace

int main(int count, char** words) {
  // Large blocks go back to the system when they are freed. Left to itself the C library raises
  // this bound to 32 MB and keeps what lies between.
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(run({words + 1, words + count}));
  } catch (const temper::cli::UsageError& error) {
    std::fflush(stdout);
    fmt::print(stderr, "temper: {}\n", error.what());
    return static_cast<int>(Exit::Usage);
  } catch (const temper::Error& error) {
    std::fflush(stdout);
    fmt::print(stderr, "temper: {}\n", error.what());
    return static_cast<int>(Exit::BadInput);
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "temper: {}\n  this is a fault in temper itself\n", error.what());
    return static_cast<int>(Exit::Failed);
  }
}
