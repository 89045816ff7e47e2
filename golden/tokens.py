"""Records token ids of Hugging Face `tokenizers` 0.23: golden/tokens.json, tokens.merges.txt.

    python golden/tokens.py MODEL.gguf [TEXT.txt …]

The texts are only needed to train tokens.merges.txt anew (delete it first). tokens.json holds, for each
tokenizer, its tokenizer.json without vocabulary and merges (the test puts them in, from tokens.merges.txt
or from the GGUF file), ids of hand-made strings, decodings, and one FNV-1a hash over the ids of each
block of seeded strings; tokenizer_test.cpp generates the same strings.
"""
import json
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "true"
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = 2**64 - 1
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<word>", "<left>", "<right>", "<both>", "<|im", "tool",
            "cafe\u0301", "caf\u00e9", " the ", "\u65e5\u672c", "<left><right>", "<|im_start|><|im_end|>"]
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u00a0", "\u3000", "\u2028", "\u0085", "\u200b",
          "\u1680 ", "\n \n", " \t ", "\x1f", "\x0b\x0c", "    \n", "\u202f"]
QUOTES = ["'s", "'S", "'t", "'re", "'Ve", "'LL", "'ll", "'m", "'D", "'\u017f", "'x", "\u2019s", "''", "'sx", "'RE'", "'l"]
WORDS = ["the", "of", "and", "Hello", "world", "I", "don", "it", "HTTP", "tokenizer", "Stra\u00dfe", "na\u00efve", "caf\u00e9",
         "\u041f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440", "\u03ba\u03cc\u03c3\u03bc\u03b5", "\u4f60\u597d", "\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f",
         "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\uc548\ub155", "\u0939\u093f\u0928\u094d\u0926\u0940", "Ti\u1ebfng", "Vi\u1ec7t", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"]
LETTERS = [(0x61, 0x7A), (0x41, 0x5A), (0xC0, 0x24F), (0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x621, 0x64A),
           (0x904, 0x939), (0xE01, 0xE30), (0x3041, 0x3096), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1EA0, 0x1EF9), (0x1E00, 0x1EFF)]
DIGITS = [0x30, 0x30, 0x30, 0x660, 0x966, 0xFF10, 0x1D7CE, 0x2160, 0xBC - 3, 0x2460]
MARKS = [(0x300, 0x36F), (0x300, 0x345), (0x5B0, 0x5BC), (0x93C, 0x94D), (0x3099, 0x309A), (0x1161, 0x1175), (0x11A8, 0x11C2),
         (0x1100, 0x1112), (0x9BE, 0x9BE), (0x653, 0x655)]
EMOJI = [(0x1F600, 0x1F64F), (0x1F1E6, 0x1F1FF), (0x200D, 0x200D), (0xFE0F, 0xFE0F), (0x1F3FB, 0x1F3FF), (0x2600, 0x27BF)]


class Stream:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed & MASK

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 32) % n

    def pick(self, values):
        return values[self.below(len(values))]

    def within(self, ranges):
        first, last = self.pick(ranges)
        return chr(first + self.below(last - first + 1))


def segment(s):
    kind = s.below(16)
    if kind < 4:
        return (" " if s.below(3) else "") + s.pick(WORDS)
    if kind < 6:
        first, last = s.pick(LETTERS)
        return "".join(chr(first + s.below(last - first + 1)) for _ in range(1 + s.below(6)))
    if kind < 8:
        return s.pick(SPACES)
    if kind == 8:
        zero = s.pick(DIGITS)
        return "".join(chr(zero + s.below(10)) for _ in range(1 + s.below(5)))
    if kind == 9:
        return s.pick(QUOTES)
    if kind == 10:
        return "".join(s.within(MARKS) for _ in range(1 + s.below(3)))
    if kind == 11:
        return "".join(s.within(EMOJI) for _ in range(1 + s.below(3)))
    if kind == 12:
        return s.pick(SPECIALS)
    if kind == 13:
        return "".join(chr(33 + s.below(15)) for _ in range(1 + s.below(4)))
    if kind == 14:
        value = s.below(0x110000 - 0x800)
        return chr(value if value < 0xD800 else value + 0x800)
    return "".join(chr(97 + s.below(26)) for _ in range(1 + s.below(12)))


def random_string(s):
    return "".join(segment(s) for _ in range(s.below(12)))


def fnv(lists):
    h = 0xCBF29CE484222325
    for ids in lists:
        for i in ids:
            h = ((h ^ i) * 0x100000001B3) & MASK
        h = ((h ^ 0xFFFFFFFF) * 0x100000001B3) & MASK
    return "%016x" % h


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
OTHER = (r"[^\r\n\p{L}\p{N}]?+\p{L}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,2}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SEQUENCE = pre_tokenizers.Sequence


def split(pattern):
    return SEQUENCE([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def special(text, **flags):
    return AddedToken(text, special=True, normalized=False, **flags)


def flagged():
    return [special("<|endoftext|>"), special("<|im_start|>"), special("<|im_end|>"),
            AddedToken("<word>", single_word=True, normalized=False), AddedToken("<left>", lstrip=True, normalized=False),
            special("<right>", rstrip=True), AddedToken("<both>", lstrip=True, rstrip=True, normalized=True),
            AddedToken("<|im", normalized=True), AddedToken("tool", single_word=True, normalized=True),
            AddedToken("cafe\u0301", normalized=True), AddedToken(" the ", normalized=False),
            AddedToken("\u65e5\u672c", single_word=True, normalized=False, rstrip=True)]


def build(name, bpe, gguf):
    """The tokenizer, and where its vocabulary comes from."""
    vocab, merges = gguf if name == "smollm2" else bpe
    extra = ["\u0120temper", "zqxj", "999", "\u0120\u0120\u0120\u0120\u0120\u0120\u0120"] if name == "llama3" else []
    vocab = {**vocab, **{t: len(vocab) + i for i, t in enumerate(extra)}}
    if name == "unknown":
        letters = [chr(c) for c in range(97, 123)] + ["\u0120", "<unk>"]
        merges = [("t", "h"), ("th", "e"), ("\u0120", "the"), ("i", "n"), ("\u0120", "in")]
        vocab = {t: i for i, t in enumerate(letters + [a + b for a, b in merges])}
        t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True))
    else:
        t = Tokenizer(models.BPE(vocab, merges, ignore_merges=name == "llama3"))
    t.decoder = decoders.ByteLevel()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if name == "gpt2":
        t.pre_tokenizer = level
        t.post_processor = processors.ByteLevel(trim_offsets=False)
        t.add_special_tokens(["<|endoftext|>"])
    elif name == "smollm2":
        t.pre_tokenizer = SEQUENCE([pre_tokenizers.Digits(individual_digits=True), level])
        t.add_special_tokens([special(s) for s in list(vocab)[:17]])
    elif name == "qwen2":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = split(QWEN2)
        t.add_tokens(flagged())
    elif name == "llama3":
        t.pre_tokenizer = split(LLAMA3)
        t.add_special_tokens([special("<|begin|>"), special("<|end|>"), special("<|im_start|>")])
        t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
            single="<|begin|> $A <|end|>", pair="<|begin|> $A $B", special_tokens=[
                ("<|begin|>", t.token_to_id("<|begin|>")), ("<|end|>", t.token_to_id("<|end|>"))])])
    elif name == "other":
        t.normalizer = normalizers.Sequence([normalizers.NFC()])
        t.pre_tokenizer = SEQUENCE([
            pre_tokenizers.Split(Regex(OTHER), "removed", invert=True), pre_tokenizers.Split("ll", "merged_with_previous"),
            pre_tokenizers.Split(Regex("[aeiou\\s]"), "merged_with_next"), pre_tokenizers.Split(Regex("[tT]"), "contiguous"),
            pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)])
        t.add_tokens(flagged())
    elif name == "unknown":
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    frame = json.loads(t.to_str())
    if name != "unknown":
        frame["model"]["vocab"], frame["model"]["merges"] = {}, []
    return t, {"vocabulary": {"smollm2": "gguf", "unknown": "own"}.get(name, "small"), "extra": extra, "frame": frame}


def code_point_text(c):
    c = chr(c)
    return f"a{c}b {c}{c}1{c} '{c}\n{c}  e\u0301{c}\u0323{c}"


def nfc_hash(points):
    """FNV-1a over the bytes of the NFC of each code point among marks of the highest and lowest class."""
    h, nfc = 0xCBF29CE484222325, normalizers.NFC()
    for c in map(chr, points):
        for byte in nfc.normalize_str(f"\u0345{c}\u0334 {c}\u0301{c} e\u0301{c}\u0323{c}").encode():
            h = ((h ^ byte) * 0x100000001B3) & MASK
    return "%016x" % h


def tricky():
    out = ["", " ", "  ", "\n", "a", "Hello world", "Hello  world", " Hello", "Hello ", "don't DON'T I'LL we've 'tis", "a\u00a0b",
           "caf\u00e9 cafe\u0301 CAF\u00c9", "\ufb01ne \u2460 \u00bd \u0661\u0662\u0663 \u0969\u096a 1234567890 3.14159 1,000,000", "\n\n\n a", "a\n\n\n", "\r\n\r\n", "a \r\n b",
           "\t\t\tx", "    def f(x):\n        return x ** 2\n", "x" * 100, "ab" * 200, " " * 100, "\n" * 50, "a" + " " * 63 + "b",
           "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea\U0001f1eb", "\u2603\ufe0f", "z\u0351\u0323\u0300", "\u1112\u1161\u11ab \ud55c",
           "\u0928\u093f", "\u09c7\u09be", "\u212b \u2126 \u1e9b\u0323", "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|im_start|>user\nhi<|im_end|>\n",
           "<|im_start|>x", "x <word> y", "x<word>y", "x<word> y", "_<word>", "\u0301<word>", "1<word>", "\u24b6<word>", "x  <left>  y", "x  <right>  y",
           "x  <both>  y", "<left>  <left>", "<right>  <left>", "<both> <both>", "<right> the x", "in the end the cafe\u0301", "tool tools a tool", "tool", "atool", "tool\u0301",
           "\u65e5\u672c\u8a9e \u65e5\u672c", "<|im<|im_start", "<|im_start", "  <both>", "\u3000<left>\u2028", "999 9999 1999", " temper zqxj temperzqxj", " " * 7 + "x",
           "!!!???", "a.b.c", "--x--", "http://example.com/a?b=c&d=%20", "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u0000\u0001\u007f", "\ufeffx", "\uffff\U0010ffff", "\u200b \u200b", "\u2028\u2029",
           "'\u017f a'\u017fb", "'S'T'RE'VE'M'LL'D'X", "it''s", "1'2'3", "\u0085a\u0085", " \u0085\n a", "a\u1680b", "\u180e x", "_a_b_", "a1b2c3", "\u00b2\u00b3\u00b9", "\u2167\u2188", "\U00011de1\U00016ff4"]
    s = Stream(7)
    return out + [random_string(s) for _ in range(150)]


def main():
    import gguf
    path = os.path.join(HERE, "tokens.merges.txt")
    if not os.path.exists(path):
        t = Tokenizer(models.BPE())
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        s = Stream(1)
        mixed = ["".join(segment(s) for _ in range(30)) for _ in range(20000)]
        text = [line for file in sys.argv[2:] for line in open(file, encoding="utf-8")]
        t.train_from_iterator(mixed + text, trainers.BpeTrainer(vocab_size=256 + 3000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        with open(path, "w", encoding="utf-8") as file:
            file.writelines("%s %s\n" % tuple(m) for m in json.loads(t.to_str())["model"]["merges"])
    merges = [tuple(line.rstrip("\n").split(" ")) for line in open(path, encoding="utf-8")]
    # The alphabet in the order of the bytes.
    symbols, more = [], 256
    for b in range(256):
        itself = 33 <= b <= 126 or (b >= 161 and b != 173)
        symbols.append(chr(b if itself else more))
        more += not itself
    small = ({t: i for i, t in enumerate(symbols + [a + b for a, b in merges])}, merges)
    fields = gguf.GGUFReader(sys.argv[1]).fields
    smollm = ({t: i for i, t in enumerate(fields["tokenizer.ggml.tokens"].contents())},
              [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()])

    strings, s = [], Stream(42)
    for _ in range(1_000_000):
        strings.append(random_string(s))
    s = Stream(43)
    texts = []
    for _ in range(10):
        parts, size = [], 0
        while size < 1_000_000:
            parts.append(segment(s))
            size += len(parts[-1].encode())
        texts.append("".join(parts))
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    out = {"tricky": tricky(), "nfc": nfc_hash(points), "tokenizers": {}}
    for name in ["gpt2", "smollm2", "qwen2", "llama3", "other", "unknown"]:
        t, entry = build(name, small, smollm)
        ids = lambda batch, special=False: [e.ids for e in t.encode_batch(batch, add_special_tokens=special)]
        blocks = lambda items, size: [fnv(ids(items[i:i + size])) for i in range(0, len(items), size)]
        s = Stream(5)
        size = t.get_vocab_size()
        lists = [[s.below(size) for _ in range(s.below(12))] for _ in range(100)]
        # Added tokens are the last ids.
        lists += [[max(0, size - 1 - s.below(20)) for _ in range(s.below(6))] for _ in range(20)]
        entry.update(
            ids=ids(out["tricky"]), with_special=ids(out["tricky"][:20], True),
            decoded=[{"ids": l, "text": t.decode(l, skip_special_tokens=False), "short": t.decode(l, skip_special_tokens=True)} for l in lists],
            strings=blocks(strings, 10_000), texts=[fnv(ids([x])) for x in texts],
            points=[fnv(ids([code_point_text(c) for c in points if c >> 16 == plane])) for plane in range(17)])
        out["tokenizers"][name] = entry
        print(name, flush=True)
    with open(os.path.join(HERE, "tokens.json"), "w", encoding="utf-8") as file:
        json.dump(out, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()
