// The functions every template can call, as transformers and Jinja define them.
#include <ctime>

#include "temper/language/template/call.h"
#include "temper/language/template/interpreter.h"

namespace temper::jinja {

Value make_dict_from(Budget& budget, const Args& args) {
  Value made = make_dict(budget, {});
  auto& dict = made.as<Dict>();
  if (args.positional.size() > 1) fail("dict expected at most 1 argument");
  if (!args.positional.empty()) {
    const Value& from = args.positional[0];
    if (from.is(Kind::Dict)) {
      for (const auto& [key, value] : from.as<Dict>().items) put(budget, dict, key, value);
    } else {
      for (const Value& pair : iterate(budget, from)) {
        std::vector<Value> both = iterate(budget, pair);
        if (both.size() != 2) fail("dict() wants pairs");
        put(budget, dict, both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : args.keyword) put(budget, dict, make_text(budget, name), value);
  return made;
}

namespace {

constexpr int64_t kLongestRange = 100'000;  // jinja2.sandbox.MAX_RANGE

Value range(Interpreter&, Args& args) {
  Bound bound("range", args, {"start", "stop", "step"}, 1);
  if (!args.keyword.empty()) fail("range() takes no keyword arguments");
  auto made = std::make_shared<Range>();
  made->start = bound.get(1) ? bound.whole(0, 0) : 0;
  made->stop = bound.get(1) ? bound.whole(1, 0) : bound.whole(0, 0);
  made->step = bound.whole(2, 1);
  if (made->step == 0) fail("range() arg 3 must not be zero");
  // Unsigned: the difference of two int64 always fits.
  bool up = made->step > 0;
  auto low = static_cast<uint64_t>(up ? made->start : made->stop);
  auto high = static_cast<uint64_t>(up ? made->stop : made->start);
  uint64_t stride = up ? static_cast<uint64_t>(made->step) : 0 - static_cast<uint64_t>(made->step);
  uint64_t length = (up ? made->start < made->stop : made->start > made->stop)
                        ? (high - low - 1) / stride + 1
                        : 0;
  if (length > kLongestRange) {
    fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
  }
  made->length = static_cast<int64_t>(length);
  return Value::of(Kind::Range, made);
}

Value raise_exception(Interpreter& run, Args& args) {
  Bound bound("raise_exception", args, {"message"}, 1);
  fail(str(run.budget, bound.need(0)));
}

// datetime.now().strftime(format) of a zone-less time: the C locale's, %z and %Z empty, %f zeros.
Value strftime_now(Interpreter& run, Args& args) {
  Bound bound("strftime_now", args, {"format"}, 1);
  const std::string& format = bound.text(0);
  std::time_t now = run.now_s();
  std::tm parts{};
  if (!gmtime_r(&now, &parts) || parts.tm_year > 9999 - 1900 || parts.tm_year < 1 - 1900) {
    fail("the time " + std::to_string(run.now_s()) + " is outside the years 1 to 9999");
  }
  std::string out;
  for (size_t k = 0; k < format.size(); ++k) {
    run.budget.room(out.size());
    if (format[k] != '%' || k + 1 == format.size()) {
      out += format[k];
      continue;
    }
    std::string directive = {'%', format[++k]};
    if (directive[1] == '-' && k + 1 < format.size()) directive += format[++k];
    char last = directive.back();
    if (last == 'f') {
      out += "000000";
    } else if (std::string_view("aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYPQ%").find(last) !=
               std::string_view::npos) {
      char buffer[128];
      out.append(buffer, std::strftime(buffer, sizeof buffer, directive.c_str(), &parts));
    } else if (last != 'z' && last != 'Z') {
      out += directive;
    }
  }
  return make_text(run.budget, std::move(out));
}

Value cycler(Interpreter& run, Args& args) {
  if (args.positional.empty()) fail("at least one item has to be provided");
  run.budget.spend(args.positional.size());
  auto made = std::make_shared<Cycler>();
  made->items = args.positional;
  made->depth = depth_above(made->items);
  return Value::of(Kind::Cycler, made);
}

Value joiner(Interpreter& run, Args& args) {
  Bound bound("joiner", args, {"sep"});
  Value separator = bound.get(0) ? bound.need(0) : make_text(run.budget, ", ");
  auto used = std::make_shared<bool>(false);  // shared: copies of the function count together
  return make_callable(
      "joiner",
      [separator, used](Interpreter& again, Args&) {
        return std::exchange(*used, true) ? separator : make_text(again.budget, "");
      },
      separator);
}

}  // namespace

std::vector<std::pair<std::string, Value>> global_names() {
  std::vector<std::pair<std::string, Value>> names;
  auto add = [&](const char* name, Value (*function)(Interpreter&, Args&)) {
    names.emplace_back(name, make_callable(name, function));
  };
  add("range", range);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
  add("cycler", cycler);
  add("joiner", joiner);
  add("dict", [](Interpreter& run, Args& args) { return make_dict_from(run.budget, args); });
  add("namespace", [](Interpreter& run, Args& args) { return run.make_namespace(args); });
  return names;
}

}  // namespace temper::jinja
