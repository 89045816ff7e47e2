#include "temper/world/env/pii/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"

namespace temper::env::pii {
namespace {

constexpr int kMostEntities = 4;
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kWeekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                          "Friday", "Saturday", "Sunday"};

/// Writes one text; remembers who it is about, so that an e-mail address fits its owner.
class Writer {
 public:
  Writer(const Pool& pool, random::Sequence& random) : pool_(pool), random_(random) {}

  void sentence(std::string_view pattern) {
    if (!text_.raw.empty()) plain(" ");
    for (size_t at = 0; at < pattern.size(); ++at) {
      if (pattern[at] == '{') {
        size_t close = pattern.find('}', at);
        slot(pattern.substr(at + 1, close - at - 1));
        at = close;
      } else if (pattern[at] == '(') {
        size_t close = pattern.find(')', at);
        plain(choice(pattern.substr(at + 1, close - at - 1)));
        at = close;
      } else {
        plain(pattern.substr(at, 1));
      }
    }
  }
  Text take() { return std::move(text_); }

 private:
  void plain(std::string_view words) {
    text_.raw += words;
    text_.masked += words;
  }
  void entity(std::string value) {
    text_.raw += value;
    text_.masked += "[PII]";
    text_.entities.push_back(std::move(value));
  }

  std::string_view choice(std::string_view options) {
    auto ways = static_cast<uint64_t>(std::count(options.begin(), options.end(), '|')) + 1;
    for (uint64_t skip = random_.below(ways); skip > 0; --skip)
      options.remove_prefix(options.find('|') + 1);
    return options.substr(0, options.find('|'));
  }
  std::string one_of(Words words) { return std::string(random_.choose(words)); }
  std::string count(int64_t low, int64_t high) {
    return std::to_string(random_.between(low, high));
  }

  void slot(std::string_view name) {
    if (name == "name") return entity(full_name());
    if (name == "first") return entity(first_name());
    if (name == "email") return entity(email());
    if (name == "phone") return entity(digits(one_of(pool_.phones)));
    if (name == "address") return entity(address());
    if (name == "date") return entity(date());
    if (name == "card") return entity(card());
    if (name == "account") return entity(digits(one_of(pool_.accounts)));
    if (name == "passport") return entity(digits(one_of(pool_.passports)));
    if (name == "ssn") return entity(digits(one_of(pool_.ssns)));
    if (name == "company") return plain(one_of(pool_.companies));
    if (name == "product") return plain(one_of(pool_.products));
    if (name == "city") return plain(one_of(pool_.cities));
    if (name == "weekday") return plain(one_of(kWeekdays));
    if (name == "number") return plain(count(2, 60));
    if (name == "time") return plain(time_of_day());
    if (name == "amount") return plain("$" + text::grouped(random_.between(5, 2500)));
    ASSERT(false, "a sentence names a slot that nobody fills");
  }

  std::string time_of_day() {
    int64_t hour = random_.between(7, 18);
    return std::to_string(hour > 12 ? hour - 12 : hour) + (random_.chance(0.5) ? ":30" : "") +
           (hour < 12 ? " am" : " pm");
  }

  std::string first_name() {  // not the one named just before
    std::string next = first_;
    while (next == first_) next = one_of(pool_.first_names);
    return first_ = next;
  }

  std::string full_name() {
    first_name();
    last_ = one_of(pool_.last_names);
    return first_ + " " + last_;
  }

  std::string email() {
    if (last_.empty()) last_ = one_of(pool_.last_names);
    if (first_.empty()) first_ = one_of(pool_.first_names);
    std::string user;
    switch (random_.below(4)) {
      case 0:
        user = first_ + "." + last_;
        break;
      case 1:
        user = first_.substr(0, 1) + last_;
        break;
      case 2:
        user = first_ + "_" + last_;
        break;
      default:
        user = first_ + count(10, 99);
    }
    for (char& c : user) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return user + "@" + one_of(pool_.domains);
  }

  std::string address() {
    std::string place = count(2, 299) + " " + one_of(pool_.streets);
    uint64_t form = random_.below(4);
    if (form == 1) place += ", Apt " + count(2, 40);
    if (form >= 1) place += ", " + one_of(pool_.cities);
    if (form == 3) place += " " + digits("#####");
    return place;
  }

  std::string date() {
    int64_t year = pool_.first_year + 2 * random_.between(0, (2024 - pool_.first_year) / 2);
    int64_t month = random_.between(1, 12), day = random_.between(1, 28);
    auto two = [](int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    std::string out;
    for (char c : random_.choose(pool_.dates)) {
      if (c == 'Y') {
        out += std::to_string(year);
      } else if (c == 'M') {
        out += kMonths[month - 1];
      } else if (c == 'D') {
        out += std::to_string(day);
      } else if (c == 'm' || c == 'd') {
        out += two(c == 'm' ? month : day);
      } else {
        out += c;
      }
    }
    return out;
  }

  std::string digits(std::string format) {
    for (char& c : format) {
      if (c == '#') c = static_cast<char>('0' + random_.below(10));
    }
    return format;
  }

  std::string card() {
    std::string number = digits(one_of(pool_.cards));
    number.back() = luhn_digit(std::string_view(number).substr(0, number.size() - 1));
    return number;
  }

  const Pool& pool_;
  random::Sequence& random_;
  Text text_;
  std::string first_, last_;  // of the person named last
};

int entities_in(std::string_view sentence) {
  int slots = 0;
  for (std::string_view name : {"{name}", "{first}", "{email}", "{phone}", "{address}", "{date}",
                                "{card}", "{account}", "{passport}", "{ssn}"}) {
    for (size_t at = sentence.find(name); at != sentence.npos; at = sentence.find(name, at + 1))
      ++slots;
  }
  return slots;
}

}  // namespace

char luhn_digit(std::string_view digits) {
  int sum = 0;
  bool twice = true;
  for (size_t i = digits.size(); i-- > 0;) {
    if (digits[i] < '0' || digits[i] > '9') continue;
    int digit = digits[i] - '0';
    if (twice) digit = digit < 5 ? 2 * digit : 2 * digit - 9;
    sum += digit;
    twice = !twice;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

Pool part_of(const Pool& pool, double share) {
  ASSERT(share > 0 && share <= 1, "a share is above 0 and at most 1");
  Pool part = pool;
  for (Words* words : {&part.sentences, &part.plain, &part.first_names, &part.last_names,
                       &part.streets, &part.cities, &part.companies, &part.products}) {
    const auto kept = static_cast<size_t>(std::ceil(share * static_cast<double>(words->size())));
    *words = words->first(std::clamp<size_t>(kept, 2, words->size()));
  }
  return part;
}

Text compose(const Pool& pool, random::Sequence& random) {
  const int sentences = random.chance(0.85) ? 1 : 2;
  bool none = random.chance(1.0 / 12);
  std::vector<std::string_view> chosen;
  int entities = 0;
  while (static_cast<int>(chosen.size()) < sentences) {
    // The first sentence has an entity unless the text has none; one in five of the rest is plain.
    bool plain = none || (!chosen.empty() && random.chance(0.2));
    std::string_view next = random.choose(plain ? pool.plain : pool.sentences);
    if (std::find(chosen.begin(), chosen.end(), next) != chosen.end()) continue;
    if (entities + entities_in(next) > kMostEntities) continue;
    entities += entities_in(next);
    chosen.push_back(next);
  }
  random.shuffle(chosen);
  // A greeting at the end of a letter stays there.
  std::stable_partition(chosen.begin(), chosen.end(), [](std::string_view s) {
    return s.find("egards,") == s.npos && !s.starts_with("Sincerely,");
  });
  Writer writer(pool, random);
  if (random.chance(0.125)) writer.sentence(random.choose(pool.openers));
  for (std::string_view sentence : chosen) writer.sentence(sentence);
  return writer.take();
}

}  // namespace temper::env::pii
