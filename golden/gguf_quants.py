"""Records golden/gguf_quants.safetensors: stored bytes of each number format and the floats they mean.

    python golden/gguf_quants.py        (gguf 0.19, numpy)

Per format X: X.bytes (uint8), what gguf.quants.quantize gives for 4 x 64 random numbers, then 4 x 2 blocks of random
bytes (with finite scales), and X.floats, what gguf.quants.dequantize gives for them. rounded.F16 and
rounded.BF16 are 4,096 floats ("rounded.in") as numpy and gguf round them. It prints, for F16 and BF16, the sum of the
float32 bits that all finite patterns of the 65,536 mean: the test holds these sums.
"""
import os

import numpy as np
from gguf import GGMLQuantizationType as Type, quants
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(7)
vectors = {}
for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
    kind = Type[name]
    numbers = (random.standard_normal((4, 64)) * np.array([[1e-3], [0.05], [1], [100]])).astype(np.float32)
    made = quants.quantize(numbers, kind)
    size = made.shape[1] // 2
    noise = random.integers(0, 256, (4, 2, size), dtype=np.uint8)
    noise[:, :, 0:2] = random.standard_normal((4, 2, 1)).astype(np.float16).view(np.uint8)
    if name.endswith("_1"):
        noise[:, :, 2:4] = random.standard_normal((4, 2, 1)).astype(np.float16).view(np.uint8)
    stored = np.concatenate([made, noise.reshape(4, -1)])
    vectors[name + ".bytes"] = stored
    vectors[name + ".floats"] = quants.dequantize(stored, kind).astype(np.float32)

numbers = (random.standard_normal(4096) * 10.0 ** random.integers(-12, 9, 4096)).astype(np.float32)
halves = np.linspace(-1, 1, 65, dtype=np.float16).astype(np.float32)  # ties between neighbours, and subnormals
numbers[:64] = halves[:64] + np.float32(2.0 ** -12) * halves[:64]
numbers[64:128] = np.arange(64, dtype=np.float32) * np.float32(2.0 ** -26)
numbers[128:192] = 1 + np.arange(64, dtype=np.float32) * np.float32(2.0 ** -9)
numbers[192:200] = [0.0, -0.0, 65504, 65519.996, 65520, -70000, np.inf, -np.inf]
vectors["rounded.in"] = numbers
with np.errstate(over="ignore"):
    vectors["rounded.F16"] = numbers.astype(np.float16).view(np.uint8)
vectors["rounded.BF16"] = quants.quantize(numbers, Type.BF16).view(np.uint8)
save_file({k: np.ascontiguousarray(v) for k, v in vectors.items()}, os.path.join(HERE, "gguf_quants.safetensors"))
os.chmod(os.path.join(HERE, "gguf_quants.safetensors"), 0o644)

every = np.arange(65536, dtype=np.uint16)
for name, meaning in (("F16", every.view(np.float16).astype(np.float32)),
                      ("BF16", quants.dequantize(every.view(np.uint8), Type.BF16))):
    finite = meaning[np.isfinite(meaning)]
    print(name, int(finite.view(np.uint32).astype(np.uint64).sum()), finite.size)
