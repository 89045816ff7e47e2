// Speed of the kernels beside ATen's on this machine, as Google Benchmark JSON:
//
//   bench_kernels --benchmark_format=json --benchmark_enable_random_interleaving=true
//
// GFLOP/s is the counter `flops`; `bare_fma` is the most that fused multiply-adds can give.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <vector>

#include "temper/engine/kernel/attention.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/kernel/gemm.h"
#include "temper/engine/kernel/head.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {

using reference::sample;

static void rate(benchmark::State& state, double operations) {
  state.counters["flops"] =
      benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
}

/// Tiles over operands that stay in L1: the micro-kernel without memory.
static void bare_fma(benchmark::State& state) {
  constexpr int64_t kRows = 6, kSteps = 256, kTimes = 2000;
  const std::vector<float> a = sample(kRows * kSteps, 1, 1e-3f), b = sample(kSteps * 16, 2);
  for (auto _ : state) {
    tensor::parallel(tensor::threads(), [&](int64_t, int64_t) {
      std::array<float, kRows * 16> c{};
      for (int64_t i = 0; i < kTimes; ++i) {
        simd().product({.a = a.data(),
                        .lda = kSteps,
                        .a_columns = false,
                        .b = b.data(),
                        .b_bf16 = false,
                        .ldb = 16,
                        .panel = 16 * kSteps,
                        .m = kRows,
                        .n = 16,
                        .k = kSteps,
                        .c = c.data(),
                        .ldc = 16,
                        .accumulate = true});
      }
      benchmark::DoNotOptimize(c);
    });
  }
  rate(state, 2.0 * kRows * kSteps * 16 * kTimes * tensor::threads());
}
BENCHMARK(bare_fma)->UseRealTime();

/// Sums 512 MB, as decoding one sequence reads its weights.
static void read_bandwidth(benchmark::State& state) {
  constexpr int64_t kBytes = int64_t{512} << 20;
  tensor::Buffer buffer(kBytes);
  buffer.zero();
  const auto* words = reinterpret_cast<const uint64_t*>(buffer.data());
  for (auto _ : state) {
    tensor::parallel(kBytes / 64, [&](int64_t begin, int64_t end) {
      std::array<uint64_t, 8> sums{};
      for (int64_t line = begin; line < end; ++line) {
        for (size_t i = 0; i < 8; ++i) sums[i] += words[line * 8 + static_cast<int64_t>(i)];
      }
      benchmark::DoNotOptimize(sums);
    });
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(read_bandwidth)->UseRealTime();

static void product(benchmark::State& state, Dtype dtype) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  Panels panels(k, n, dtype);
  panels.pack(sample(k * n, 1).data(), Layout::Transposed);
  const std::vector<float> a = sample(m * k, 2);
  std::vector<float> c(static_cast<size_t>(m * n));
  for (auto _ : state) {
    multiply({.a = a.data(), .lda = k, .m = m, .b = panels, .c = c.data(), .ldc = n});
  }
  rate(state, 2.0 * static_cast<double>(m * k * n));
}
static void product_float32(benchmark::State& state) {
  product(state, Dtype::Float32);
}
static void product_bfloat16(benchmark::State& state) {
  product(state, Dtype::BFloat16);
}

/// The input's gradient, from the forward pass's panels.
static void turned_bfloat16(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  Panels forward(n, k, Dtype::BFloat16);
  forward.pack(sample(k * n, 1).data(), Layout::Transposed);
  if (!can_be_turned(Dtype::BFloat16))
    return state.SkipWithError("bf16 has panels of its own here");
  const Panels panels = Panels::turned(forward);
  const std::vector<float> a = sample(m * k, 2);
  std::vector<float> c(static_cast<size_t>(m * n));
  for (auto _ : state) {
    multiply({.a = a.data(), .lda = k, .m = m, .b = panels, .c = c.data(), .ldc = n});
  }
  rate(state, 2.0 * static_cast<double>(m * k * n));
}

static void aten(benchmark::State& state, at::ScalarType dtype) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const std::vector<float> w = sample(k * n, 1), x = sample(m * k, 2);
  at::Tensor weight = at::from_blob(const_cast<float*>(w.data()), {n, k}).to(dtype);
  at::Tensor input = at::from_blob(const_cast<float*>(x.data()), {m, k}).to(dtype);
  for (auto _ : state) benchmark::DoNotOptimize(at::linear(input, weight));
  rate(state, 2.0 * static_cast<double>(m * k * n));
}
static void linear_float32(benchmark::State& state) {
  aten(state, at::kFloat);
}
static void linear_bfloat16(benchmark::State& state) {
  aten(state, at::kBFloat16);
}

static void shapes(benchmark::internal::Benchmark* b) {
  for (std::array<int64_t, 2> kn :
       {std::array<int64_t, 2>{576, 1536}, {576, 192}, {1536, 576}, {576, 49152}}) {
    for (int64_t m : {1, 8, 64, 256, 1024}) {
      if (m * kn[1] < 20'000'000) b->Args({m, kn[0], kn[1]});
    }
  }
  b->UseRealTime();
}
BENCHMARK(product_float32)->Apply(shapes);
BENCHMARK(product_bfloat16)->Apply(shapes);
BENCHMARK(turned_bfloat16)
    ->Args({256, 576, 1536})
    ->Args({1024, 576, 1536})
    ->Args({1024, 1536, 576})
    ->UseRealTime();
BENCHMARK(linear_float32)->Apply(shapes);
BENCHMARK(linear_bfloat16)->Apply(shapes);

static void gradient(benchmark::State& state) {
  const int64_t m = state.range(0), in = state.range(1), out = state.range(2);
  const std::vector<float> x = sample(m * in, 1), dy = sample(m * out, 2);
  std::vector<float> dw(static_cast<size_t>(in * out));
  for (auto _ : state) weight_gradient({dy.data(), out, x.data(), in, m, out, in, dw.data()});
  rate(state, 2.0 * static_cast<double>(m * in * out));
}
BENCHMARK(gradient)
    ->Args({128, 576, 1536})
    ->Args({1024, 576, 1536})
    ->Args({1024, 576, 192})
    ->Args({1024, 1536, 576})
    ->Args({256, 576, 4096})
    ->UseRealTime();

static void attention(benchmark::State& state) {
  const int64_t sequences = state.range(0), rows = state.range(1), length = state.range(2);
  const bool backward = state.range(3) != 0;
  const AttentionShape shape = {9, 3, 64, 0.125};
  const int64_t each = (length + kKvBlock - 1) / kKvBlock, total = sequences * rows;
  KvPool pool(shape, sequences * each), d_pool(shape, sequences * each);
  pool.zero();
  d_pool.zero();
  std::vector<std::vector<int32_t>> blocks(static_cast<size_t>(sequences));
  std::vector<AttentionRows> list;
  for (int64_t s = 0; s < sequences; ++s) {
    auto& own = blocks[static_cast<size_t>(s)];
    for (int64_t i = 0; i < each; ++i) own.push_back(static_cast<int32_t>(s * each + i));
    list.push_back({s * rows, rows, length - rows, own, s});
  }
  const std::vector<float> q = sample(total * 576, 1), k = sample(total * 192, 2);
  std::vector<float> out(q.size()), lse(static_cast<size_t>(total * 9)), dq(q.size());
  store_kv(shape, list, k.data(), k.data(), 192, pool);
  attend(shape, list, q.data(), 576, pool, out.data(), 576, lse.data());
  for (auto _ : state) {
    if (backward) {
      attend_backward(shape, list,
                      {q.data(), 576, out.data(), q.data(), 576, lse.data(), dq.data()}, pool,
                      d_pool);
    } else {
      attend(shape, list, q.data(), 576, pool, out.data(), 576, lse.data());
    }
  }
  double pairs = 0;  // of query and key
  for (int64_t i = 0; i < rows; ++i) pairs += static_cast<double>(length - rows + i + 1);
  rate(state, (backward ? 10.0 : 4.0) * 64 * 9 * pairs * static_cast<double>(sequences));
}
BENCHMARK(attention)
    ->Args({1, 512, 512, 0})
    ->Args({8, 256, 256, 0})
    ->Args({64, 1, 300, 0})
    ->Args({8, 1, 300, 0})
    ->Args({8, 256, 256, 1})
    ->UseRealTime();

static void fused_head(benchmark::State& state) {
  const int64_t rows = state.range(0), width = 576, vocabulary = state.range(3);
  const bool backward = state.range(1) != 0;
  const auto dtype = state.range(2) != 0 ? Dtype::BFloat16 : Dtype::Float32;
  const std::vector<float> weight = sample(vocabulary * width, 1, 0.05f),
                           h = sample(rows * width, 2);
  Panels panels(width, vocabulary, dtype), plain(vocabulary, width, dtype);
  panels.pack(weight.data(), Layout::Transposed);
  plain.pack(weight.data(), Layout::Plain);
  const std::vector<int32_t> targets(static_cast<size_t>(rows), 17);
  std::vector<float> logp(static_cast<size_t>(rows)), lse = logp, entropy = logp, dh(h.size());
  std::vector<float> dw(backward ? weight.size() : 0);
  const HeadInput in = {h.data(), rows, panels, targets.data()};
  head(in, {.logp = logp.data(), .lse = lse.data(), .entropy = entropy.data()});
  for (auto _ : state) {
    if (backward) {
      head_backward(in, {.lse = lse.data(),
                         .d_logp = logp.data(),
                         .weight_plain = plain,
                         .d_hidden = dh.data(),
                         .d_weight = dw.data()});
    } else {
      head(in, {.logp = logp.data(), .lse = lse.data(), .entropy = entropy.data()});
    }
  }
  rate(state, (backward ? 6.0 : 2.0) * static_cast<double>(rows * width * vocabulary));
}
BENCHMARK(fused_head)
    ->ArgsProduct({{1, 64, 512}, {0}, {0, 1}, {49152}})
    ->ArgsProduct({{512}, {1}, {0, 1}, {49152}})
    ->Args({256, 0, 0, 49152})
    ->Args({512, 0, 0, 24576})
    ->UseRealTime();

/// The same from ATen: log-probabilities and entropy of logits that become float32.
static void aten_head(benchmark::State& state) {
  const int64_t rows = state.range(0), width = 576, vocabulary = 49152;
  const at::ScalarType dtype = state.range(1) != 0 ? at::kBFloat16 : at::kFloat;
  const std::vector<float> w = sample(vocabulary * width, 1, 0.05f), h = sample(rows * width, 2);
  at::Tensor weight = at::from_blob(const_cast<float*>(w.data()), {vocabulary, width}).to(dtype);
  at::Tensor hidden = at::from_blob(const_cast<float*>(h.data()), {rows, width}).to(dtype);
  at::Tensor targets = at::full({rows, 1}, 17, at::kLong);
  for (auto _ : state) {
    at::Tensor logp = at::log_softmax(at::linear(hidden, weight).to(at::kFloat), -1);
    benchmark::DoNotOptimize(logp.gather(1, targets));
    benchmark::DoNotOptimize(-(at::exp(logp) * logp).sum(-1));
  }
  rate(state, 2.0 * static_cast<double>(rows * width * vocabulary));
}
BENCHMARK(aten_head)->ArgsProduct({{1, 64, 512}, {0, 1}})->UseRealTime();

}  // namespace temper::kernel

BENCHMARK_MAIN();
