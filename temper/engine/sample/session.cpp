// One call of Sampler::speak(), one idea: the life of a request. Requests wait, are admitted while
// there are slots and cache blocks, run in chunks, and their samples are written a token a step
// until they end.
#include "temper/engine/sample/session.h"

#include <algorithm>
#include <deque>
#include <memory>
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
      : sampler_(sampler), model_(sampler.model_), requests_(requests) {
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
    std::shared_ptr<const void>
        prompt;                   // shared: the prompt's blocks live until its last sample ends
    std::vector<int32_t> blocks;  // of all positions so far
    std::vector<int32_t> own;     // given back at the end
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
    if (length >= model_.config().max_positions) {
      throw Error({"the prompt has " + std::to_string(length) +
                       " tokens, the model's context holds " +
                       std::to_string(model_.config().max_positions),
                   where, "shorten it"});
    }
    check_ids(r.prompt, model_.config().vocabulary, where);
  }

  int64_t longest(const chat::Request& r) const {
    const int64_t prompt = static_cast<int64_t>(r.prompt.size());
    return std::min(prompt + r.options.max_tokens, model_.config().max_positions);
  }
  /// Blocks that one sample takes besides those it shares.
  int64_t own_blocks(const chat::Request& r) const {
    return blocks_for(longest(r)) - static_cast<int64_t>(r.prompt.size()) / kernel::kKvBlock;
  }
  int64_t blocks_of(const Part& part) const {
    const chat::Request& r = request(part.request);
    return blocks_for(static_cast<int64_t>(r.prompt.size())) -
           static_cast<int64_t>(prefix_.size()) + part.count * own_blocks(r);
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
    int64_t block_bytes = model_.cache_block_bytes();
    if (sampler_.mixed_ != nullptr) block_bytes += sampler_.mixed_->cache_block_bytes();
    const int64_t budget = std::max<int64_t>(1, sampler_.options_.cache_bytes / block_bytes);
    if (largest_single > budget) {
      throw Error({"one sample needs " + std::to_string(largest_single) +
                       " cache blocks, there is room for " + std::to_string(budget),
                   "", "lower max_tokens, or give the cache more memory"});
    }
    const int64_t at_once = (needs.empty() ? 0 : needs.front()) * sampler_.options_.max_sequences +
                            (needs.empty() ? 0 : needs.front());
    const int64_t wanted = std::min({all, budget, std::max(at_once, largest_single)});
    if (wanted > sampler_.cache_blocks_) {
      sampler_.cache_ = {};
      sampler_.mixed_cache_ = {};
      sampler_.cache_ = model_.cache(wanted);
      if (sampler_.mixed_ != nullptr) sampler_.mixed_cache_ = sampler_.mixed_->cache(wanted);
      sampler_.cache_blocks_ = wanted;
    }
    for (int64_t block = sampler_.cache_blocks_; block-- > 0;)
      free_.push_back(static_cast<int32_t>(block));
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
    for (int64_t i = 0; i < blocks; ++i) prefix_.push_back(take());
    const std::span<const int32_t> tokens =
        std::span(requests_[0].prompt).first(static_cast<size_t>(blocks * kernel::kKvBlock));
    const size_t chunk = static_cast<size_t>(sampler_.options_.prefill_rows);
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
      model::Batch batch;
      batch.blocks = sampler_.cache_blocks_;
      add_run(batch, tokens.subspan(begin, std::min(chunk, tokens.size() - begin)),
              static_cast<int64_t>(begin), prefix_);
      infer(batch, nullptr);
    }
    sampler_.count_.prompt_tokens += static_cast<int64_t>(tokens.size());
  }

  int64_t unreserved() const { return static_cast<int64_t>(free_.size()) - reserved_; }

  int32_t take() {
    ASSERT(!free_.empty(), "admission keeps enough blocks");
    const int32_t block = free_.back();
    free_.pop_back();
    each_pool([&](kernel::KvPool& pool) { pool.zero_block(block); });
    return block;
  }

  template <class Act>
  void each_pool(Act act) {
    for (model::KvCache* cache : {&sampler_.cache_, &sampler_.mixed_cache_}) {
      for (kernel::KvPool& pool : cache->layers) act(pool);
    }
  }

  void admit() {
    while (!waiting_.empty()) {
      Part& part = waiting_.front();
      const chat::Request& r = request(part.request);
      const int64_t slots = sampler_.options_.max_sequences - writing_count_;
      if (slots <= 0) return;
      Part now = part;
      now.count = std::min(now.count, slots);
      while (now.count > 0 && blocks_of(now) > unreserved()) --now.count;
      if (now.count == 0) return;
      Prompt prompt{.part = now,
                    .blocks = prefix_,
                    .done = static_cast<int64_t>(prefix_.size()) * kernel::kKvBlock};
      const int64_t prompt_blocks = blocks_for(static_cast<int64_t>(r.prompt.size()));
      while (static_cast<int64_t>(prompt.blocks.size()) < prompt_blocks)
        prompt.blocks.push_back(take());
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
                               .unit = static_cast<int64_t>(batch.sequences.size())});
    for (size_t i = 0; i < tokens.size(); ++i) {
      batch.tokens.push_back(tokens[i]);
      batch.positions.push_back(static_cast<int32_t>(position + static_cast<int64_t>(i)));
    }
  }

  void step() {
    model::Batch batch;
    batch.blocks = sampler_.cache_blocks_;
    for (Writing& w : writing_) {
      const chat::Completion& said = completion(w);
      const int64_t position =
          static_cast<int64_t>(request(w.request).prompt.size() + said.tokens.size()) - 1;
      if (blocks_for(position + 1) > static_cast<int64_t>(w.blocks.size())) {
        const int32_t block = take();
        --reserved_;
        --w.reserved;
        w.blocks.push_back(block);
        w.own.push_back(block);
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
    const auto logits = static_cast<int64_t>(batch.outputs.size()) * model_.config().vocabulary;
    if (logits_.size() < logits) logits_.resize(logits);
    infer(batch, &logits_);
    if (batch.outputs.empty()) return;
    say(finished);
  }

  /// Runs the rows; where logits are wanted, those of the batch's outputs, of the mixture where
  /// there is one.
  void infer(const model::Batch& batch, tensor::Floats* logits) {
    infer(model_, sampler_.cache_, batch, logits);
    if (sampler_.mixed_ == nullptr) return;
    model::Model& other = *sampler_.mixed_;
    tensor::Floats* theirs = logits == nullptr ? nullptr : &mixed_logits_;
    if (theirs != nullptr && theirs->size() < logits->size()) theirs->resize(logits->size());
    if (other.is_own_reference()) other.use_adapter(false);
    infer(other, sampler_.mixed_cache_, batch, theirs);
    other.use_adapter(true);
    if (logits == nullptr) return;
    const auto share = static_cast<float>(sampler_.mixed_share_), own = 1 - share;
    const auto count = static_cast<int64_t>(batch.outputs.size()) * model_.config().vocabulary;
    tensor::parallel(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        logits->data()[i] = own * logits->data()[i] + share * theirs->data()[i];
      }
    });
  }

  static void infer(model::Model& model, model::KvCache& cache, const model::Batch& batch,
                    tensor::Floats* logits) {
    const auto outputs = static_cast<int64_t>(batch.outputs.size());
    tensor::Floats hidden(outputs * model.config().width);
    model.infer(batch, cache, outputs == 0 ? nullptr : hidden.data());
    if (logits == nullptr || outputs == 0) return;
    kernel::head_logits(hidden.data(), outputs, model.head().forward, logits->data());
    model.count_flops(2.0 * static_cast<double>(outputs) *
                      static_cast<double>(model.head().size()));
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
    const int64_t vocabulary = model_.config().vocabulary;
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
    const bool parted = static_cast<int64_t>(r.prompt.size()) % kernel::kKvBlock != 0;
    auto* free_list = &free_;
    auto given = std::make_shared<std::vector<int32_t>>(
        prompt.blocks.begin() + static_cast<std::ptrdiff_t>(prefix_.size()), prompt.blocks.end());
    std::shared_ptr<const void> shared(given.get(), [given, free_list](const void*) {
      free_list->insert(free_list->end(), given->begin(), given->end());
    });
    for (int64_t s = 0; s < prompt.part.count; ++s) {
      Writing w{.request = prompt.part.request,
                .sample = prompt.part.first + s,
                .prompt = shared,
                .blocks = {prompt.blocks.begin(), prompt.blocks.begin() + whole},
                .own = {},
                .reserved = own_blocks(r),
                .decoder = token::StreamDecoder(sampler_.tokenizer_),
                .text = {}};
      if (parted) {
        const int32_t copy = take();
        --reserved_;
        --w.reserved;
        each_pool([&](kernel::KvPool& pool) { pool.copy_block(prompt.blocks.back(), copy); });
        w.blocks.push_back(copy);
        w.own.push_back(copy);
      }
      writing_.push_back(std::move(w));
    }
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
               static_cast<int64_t>(r.prompt.size()) + length >= model_.config().max_positions) {
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
      free_.insert(free_.end(), w->own.begin(), w->own.end());
      reserved_ -= w->reserved;
      --writing_count_;
      w->request = -1;
    }
    done_.clear();
    std::erase_if(writing_, [](const Writing& w) { return w.request < 0; });
  }

  Sampler& sampler_;
  model::Model& model_;
  std::span<const chat::Request> requests_;
  std::vector<std::vector<chat::Completion>> results_;
  std::deque<Part> waiting_;
  std::vector<Prompt> prompts_;
  std::vector<int32_t> free_;
  std::vector<int32_t> prefix_;  // blocks of what all prompts begin with
  std::vector<Writing> writing_;
  std::vector<Writing*> done_;
  int64_t reserved_ = 0, writing_count_ = 0;
  tensor::Floats logits_, mixed_logits_;
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
