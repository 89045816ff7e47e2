// One call of Sampler::speak(), one idea: the life of a request. Requests wait, are admitted while
// there are slots and cache blocks, run in chunks, and their samples are written a token a step
// until they end.
#include "temper/engine/sample/session.h"

#include <algorithm>
#include <deque>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/engine/sample/draw.h"
#include "temper/engine/sample/sampler.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {

class Session {
 public:
  Session(Sampler& sampler, std::span<const chat::Request> requests)
      : sampler_(sampler),
        runner_(sampler.runner_),
        blocks_(runner_.blocks()),
        config_(runner_.model().config()),
        requests_(requests) {
    results_.resize(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      check_request(requests[i]);
      results_[i].resize(static_cast<size_t>(requests[i].samples));
      for (int64_t first = 0; first < requests[i].samples;
           first += sampler.options_.max_sequences) {
        const int64_t count = std::min(sampler.options_.max_sequences, requests[i].samples - first);
        waiting_.push_back({.request = static_cast<int64_t>(i), .first = first, .count = count});
      }
    }
    make_room();
    run_common_prefix();
  }

  std::vector<std::vector<chat::Completion>> run() {
    while (!waiting_.empty() || !prompts_.empty() || !writing_.empty()) {
      admit();
      step();
      if (stopped_) break;
    }
    return std::move(results_);
  }

 private:
  struct Part {  // a request, or a share of its samples when they are more than fit at once
    int64_t request, first, count;
  };
  struct Prompt {
    Part part;
    std::vector<int32_t> blocks;
    int64_t done = 0;  // tokens run
  };
  struct Writing {
    int64_t request, sample;
    std::vector<int32_t> blocks;  // of all positions so far
    int64_t reserved;             // blocks it may still take
    token::StreamDecoder decoder;
    std::string text;
  };

  const chat::Request& request(int64_t index) const {
    return requests_[static_cast<size_t>(index)];
  }
  chat::Completion& completion(const Writing& w) {
    return results_[static_cast<size_t>(w.request)][static_cast<size_t>(w.sample)];
  }

  void check_request(const chat::Request& r) const {
    check(r.options);
    const std::string where = named("prompt", r.prompt_id, requests_.size());
    const int64_t length = static_cast<int64_t>(r.prompt.size());
    if (length == 0) throw Error({"the prompt is empty", where, ""});
    if (length >= config_.max_positions) {
      throw Error({"the prompt has " + std::to_string(length) +
                       " tokens, the model's context holds " +
                       std::to_string(config_.max_positions),
                   where, "shorten it"});
    }
    check_ids(r.prompt, config_.vocabulary, where);
  }

  int64_t longest(const chat::Request& r) const {
    const int64_t prompt = static_cast<int64_t>(r.prompt.size());
    return std::min(prompt + r.options.max_tokens, config_.max_positions);
  }
  /// Blocks that one sample takes besides those it shares.
  int64_t own_blocks(const chat::Request& r) const {
    return blocks_for(longest(r)) - static_cast<int64_t>(r.prompt.size()) / kernel::kKvBlock;
  }
  int64_t blocks_of(const Part& part) const {
    const chat::Request& r = request(part.request);
    return blocks_for(static_cast<int64_t>(r.prompt.size())) + part.count * own_blocks(r);
  }

  /// The pool: as large as the work can use, within cache_bytes; kept for the next call.
  void make_room() {
    int64_t all = 0, largest_single = 0;
    std::vector<int64_t> needs;
    for (const Part& part : waiting_) {
      Part one = part;
      one.count = 1;
      largest_single = std::max(largest_single, blocks_of(one));
      all += blocks_of(part);
      needs.push_back(blocks_of(part) / part.count + 1);
    }
    std::sort(needs.rbegin(), needs.rend());
    const int64_t budget =
        std::max<int64_t>(1, sampler_.options_.cache_bytes / runner_.block_bytes());
    if (largest_single > budget) {
      throw Error({"one sample needs " + std::to_string(largest_single) +
                       " cache blocks, there is room for " + std::to_string(budget),
                   "", "lower max_tokens, or give the cache more memory"});
    }
    const int64_t at_once = (needs.empty() ? 0 : needs.front()) * sampler_.options_.max_sequences +
                            (needs.empty() ? 0 : needs.front());
    const int64_t wanted = std::min({all, budget, std::max(at_once, largest_single)});
    runner_.prepare(wanted);
  }

  /// What all prompts begin with, in whole blocks, is run once; each prompt keeps a token of its
  /// own to run.
  int64_t common_blocks() const {
    if (requests_.size() < 2) return 0;
    const std::vector<int32_t>& first = requests_[0].prompt;
    size_t common = first.size() - 1;
    for (const chat::Request& r : requests_) {
      const size_t limit = std::min(common, r.prompt.size() - 1);
      common = static_cast<size_t>(std::mismatch(first.begin(),
                                                 first.begin() + static_cast<std::ptrdiff_t>(limit),
                                                 r.prompt.begin())
                                       .first -
                                   first.begin());
    }
    return static_cast<int64_t>(common) / kernel::kKvBlock;
  }

  void run_common_prefix() {
    const int64_t blocks = std::min(common_blocks(), unreserved());
    if (blocks == 0) return;
    const std::span<const int32_t> tokens =
        std::span(requests_[0].prompt).first(static_cast<size_t>(blocks * kernel::kKvBlock));
    prefix_ = blocks_.find(tokens, blocks);
    const size_t known = prefix_.size() * kernel::kKvBlock;
    while (std::ssize(prefix_) < blocks) prefix_.push_back(runner_.take());
    const size_t chunk = static_cast<size_t>(sampler_.options_.prefill_rows);
    for (size_t begin = known; begin < tokens.size(); begin += chunk) {
      model::Batch batch;
      add_run(batch, tokens.subspan(begin, std::min(chunk, tokens.size() - begin)),
              static_cast<int64_t>(begin), prefix_);
      runner_.infer(batch, nullptr);
    }
    sampler_.count_.prompt_tokens += static_cast<int64_t>(tokens.size() - known);
    blocks_.remember(tokens, blocks, prefix_);
  }

  int64_t unreserved() const { return blocks_.available() - reserved_; }

  void admit() {
    while (!waiting_.empty()) {
      Part& part = waiting_.front();
      const chat::Request& r = request(part.request);
      const int64_t slots = sampler_.options_.max_sequences - writing_count_;
      if (slots <= 0) return;
      // a token of its own is left to run
      const int64_t length = static_cast<int64_t>(r.prompt.size());
      std::vector<int32_t> known = blocks_.find(r.prompt, (length - 1) / kernel::kKvBlock);
      Part now = part;
      now.count = std::min(now.count, slots);
      while (now.count > 0 && blocks_of(now) - std::ssize(known) > unreserved()) --now.count;
      if (now.count == 0) return blocks_.release(known);
      Prompt prompt{.part = now, .blocks = known, .done = std::ssize(known) * kernel::kKvBlock};
      while (std::ssize(prompt.blocks) < blocks_for(length))
        prompt.blocks.push_back(runner_.take());
      sampler_.count_.reused_tokens += prompt.done;
      reserved_ += now.count * own_blocks(r);
      writing_count_ += now.count;
      prompts_.push_back(std::move(prompt));
      part.first += now.count;
      part.count -= now.count;
      if (part.count == 0) waiting_.pop_front();
    }
  }

  void add_run(model::Batch& batch, std::span<const int32_t> tokens, int64_t position,
               const std::vector<int32_t>& blocks) {
    batch.sequences.push_back({.first_row = batch.rows(),
                               .rows = static_cast<int64_t>(tokens.size()),
                               .first_position = position,
                               .blocks = blocks,
                               .unit = 0});  // neighbours share their prompt's blocks
    for (size_t i = 0; i < tokens.size(); ++i) {
      batch.tokens.push_back(tokens[i]);
      batch.positions.push_back(static_cast<int32_t>(position + static_cast<int64_t>(i)));
    }
  }

  void step() {
    model::Batch batch;
    for (Writing& w : writing_) {
      const chat::Completion& said = completion(w);
      const int64_t position =
          static_cast<int64_t>(request(w.request).prompt.size() + said.tokens.size()) - 1;
      if (blocks_for(position + 1) > static_cast<int64_t>(w.blocks.size())) {
        const int32_t block = runner_.take();
        --reserved_;
        --w.reserved;
        w.blocks.push_back(block);
      }
      add_run(batch, {&said.tokens.back(), 1}, position, w.blocks);
      batch.outputs.push_back(static_cast<int32_t>(batch.rows() - 1));
    }
    int64_t room = sampler_.options_.prefill_rows;
    std::vector<size_t> finished;  // prompts whose last row is in this step
    for (size_t i = 0; i < prompts_.size() && room > 0; ++i) {
      Prompt& prompt = prompts_[i];
      const std::vector<int32_t>& tokens = request(prompt.part.request).prompt;
      const int64_t left = static_cast<int64_t>(tokens.size()) - prompt.done;
      const int64_t run = std::min(left, room);
      add_run(batch,
              std::span(tokens).subspan(static_cast<size_t>(prompt.done), static_cast<size_t>(run)),
              prompt.done, prompt.blocks);
      prompt.done += run;
      room -= run;
      sampler_.count_.prompt_tokens += run;
      if (run == left) {
        finished.push_back(i);
        batch.outputs.push_back(static_cast<int32_t>(batch.rows() - 1));
      }
    }
    runner_.infer(batch, &logits_);
    if (!batch.outputs.empty()) say(finished);
  }

  /// Draws for every sample that has logits: those being written, then the first tokens of finished
  /// prompts.
  void say(const std::vector<size_t>& finished) {
    struct Place {
      int64_t request, sample, row;
    };
    std::vector<Place> places;
    int64_t row = 0;
    for (const Writing& w : writing_) places.push_back({w.request, w.sample, row++});
    for (size_t i : finished) {
      const Part& part = prompts_[i].part;
      for (int64_t s = 0; s < part.count; ++s)
        places.push_back({part.request, part.first + s, row});
      ++row;
    }
    std::vector<Drawn> drawn(places.size());
    const int64_t vocabulary = config_.vocabulary;
    tensor::parallel_pieces(static_cast<int64_t>(places.size()), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch;
      for (int64_t i = begin; i < end; ++i) {
        const Place& place = places[static_cast<size_t>(i)];
        const chat::Request& r = request(place.request);
        const size_t said =
            results_[static_cast<size_t>(place.request)][static_cast<size_t>(place.sample)]
                .tokens.size();
        const double u =
            random::Stream(r.seed, r.purpose)
                .at(r.step, r.prompt_id, r.first_sample + static_cast<uint32_t>(place.sample),
                    static_cast<uint32_t>(said))
                .uniform();
        drawn[static_cast<size_t>(i)] =
            draw(logits_.data() + place.row * vocabulary, vocabulary, r.options, u, scratch);
      }
    });
    for (size_t i : finished) branch(prompts_[i]);
    for (size_t i = finished.size(); i-- > 0;) {
      prompts_.erase(prompts_.begin() + static_cast<std::ptrdiff_t>(finished[i]));
    }
    for (size_t i = 0; i < places.size(); ++i) push(writing_[i], drawn[i]);
    retire();
  }

  /// Each sample gets the prompt's whole blocks and its own copy of the one in which they part.
  void branch(Prompt& prompt) {
    const chat::Request& r = request(prompt.part.request);
    const int64_t whole = static_cast<int64_t>(r.prompt.size()) / kernel::kKvBlock;
    blocks_.remember(r.prompt, whole, prompt.blocks);
    for (int64_t s = 0; s < prompt.part.count; ++s) {
      Writing w{.request = prompt.part.request,
                .sample = prompt.part.first + s,
                .blocks = {prompt.blocks.begin(), prompt.blocks.begin() + whole},
                .reserved = own_blocks(r),
                .decoder = token::StreamDecoder(sampler_.tokenizer_),
                .text = {}};
      for (int32_t block : w.blocks) blocks_.hold(block);
      if (whole < std::ssize(prompt.blocks)) {
        const int32_t copy = runner_.take();
        --reserved_;
        --w.reserved;
        runner_.copy(prompt.blocks.back(), copy);
        w.blocks.push_back(copy);
      }
      writing_.push_back(std::move(w));
    }
    blocks_.release(prompt.blocks);
  }

  void push(Writing& w, const Drawn& drawn) {
    const chat::Request& r = request(w.request);
    chat::Completion& said = completion(w);
    said.tokens.push_back(drawn.token);
    said.logp.push_back(drawn.logp);
    ++sampler_.count_.sampled_tokens;
    const int64_t length = static_cast<int64_t>(said.tokens.size());
    const bool end = !r.options.ignore_end && contains(sampler_.end_tokens_, drawn.token);
    const bool stop = end || contains(r.options.stop_tokens, drawn.token);
    if (!stop) w.text += w.decoder.push(drawn.token);
    const size_t cut = stop ? std::string::npos : find_stop(w.text, r.options.stop);
    if (stop || cut != std::string::npos) {
      said.finish = chat::Finish::Stop;
      done_.push_back(&w);
      if (cut != std::string::npos) w.text.resize(cut);
    } else if (length >= r.options.max_tokens ||
               static_cast<int64_t>(r.prompt.size()) + length >= config_.max_positions) {
      said.finish = chat::Finish::Length;
      done_.push_back(&w);
    }
    if (sampler_.listener_ && !sampler_.listener_({w.request, w.sample, drawn.token}))
      stopped_ = true;
  }

  static bool contains(const std::vector<int32_t>& ids, int32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }
  static size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
    size_t first = std::string::npos;
    for (const std::string& stop : stops) {
      if (!stop.empty()) first = std::min(first, text.find(stop));
    }
    return first;
  }

  void retire() {
    if (stopped_) {
      done_.clear();
      for (Writing& w : writing_) done_.push_back(&w);
    }
    for (Writing* w : done_) {
      completion(*w).text = w->text + w->decoder.finish();
      leave(*w);
      reserved_ -= w->reserved;
      --writing_count_;
      w->request = -1;
    }
    done_.clear();
    std::erase_if(writing_, [](const Writing& w) { return w.request < 0; });
  }

  /// Gives the sample's blocks back, the full ones with their names: a next turn begins with them.
  void leave(Writing& w) {
    std::vector<int32_t> tokens = request(w.request).prompt;
    const std::vector<int32_t>& said = completion(w).tokens;
    tokens.insert(tokens.end(), said.begin(), said.end());
    const int64_t stored = std::ssize(tokens) - 1;  // the last one has not been run
    blocks_.remember(tokens, stored / kernel::kKvBlock, w.blocks);
    blocks_.release(w.blocks);
  }

  Sampler& sampler_;
  Runner& runner_;
  KvBlocks& blocks_;
  const weights::ModelConfig& config_;
  std::span<const chat::Request> requests_;
  std::vector<std::vector<chat::Completion>> results_;
  std::deque<Part> waiting_;
  std::vector<Prompt> prompts_;
  std::vector<int32_t> prefix_;  // blocks of what all prompts begin with
  std::vector<Writing> writing_;
  std::vector<Writing*> done_;
  int64_t reserved_ = 0, writing_count_ = 0;
  tensor::Floats logits_;
  bool stopped_ = false;
};

void check_ids(std::span<const int32_t> ids, int64_t vocabulary, const std::string& where) {
  for (int32_t id : ids) {
    if (id >= 0 && id < vocabulary) continue;
    throw Error({"token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                     std::to_string(vocabulary),
                 where, "use the model's own tokenizer"});
  }
}

std::vector<std::vector<chat::Completion>> run_session(Sampler& sampler,
                                                       std::span<const chat::Request> requests) {
  return Session(sampler, requests).run();
}

}  // namespace temper::sample
