// What transformers rendered (golden/templates.py) against what we render.
#include "temper/language/template/template.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "temper/foundation/error/error.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

std::string gunzipped(const std::string& path) {
  std::string text;
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc '" + path + "'").c_str(), "r"),
                                             pclose);
  char buffer[1 << 16];
  for (size_t size = 0; (size = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;)
    text.append(buffer, size);
  return text;
}

const Json& golden() {
  static const Json read = Json::parse(gunzipped(SOURCE_DIR "/golden/templates.json.gz"));
  return read;
}

// Bytes to characters.
Json characters(const Rendered& rendered) {
  Json spans = Json::array();
  for (ByteSpan span : rendered.assistant) {
    std::string_view text = rendered.text;
    spans.push_back(
        {count_points(text.substr(0, span.begin)), count_points(text.substr(0, span.end))});
  }
  return spans;
}

// Errors whose words are Jinja's or the template's own; those of Python's types are worded
// otherwise here.
bool same_words(const std::string& type) {
  return type == "TemplateError" || type == "UndefinedError" || type == "SecurityError" ||
         type == "TemplateRuntimeError";
}

// Parsed once each: many cases share a template.
const Template& parsed(size_t number) {
  static std::map<size_t, Template> kept;
  auto found = kept.find(number);
  if (found != kept.end()) return found->second;
  const auto& source = golden()["templates"][number].get_ref<const std::string&>();
  return kept.emplace(number, Template::parse(source, "t")).first->second;
}

void check(const Json& one) {
  const auto& source =
      golden()["templates"][one["template"].get<size_t>()].get_ref<const std::string&>();
  const Json& variables = golden()["variables"][one["variables"].get<size_t>()];
  std::string about = one["name"].get<std::string>() + ": " + source.substr(0, 300);
  try {
    Rendered got =
        parsed(one["template"].get<size_t>()).render(variables, golden()["now"].get<int64_t>());
    ASSERT_TRUE(one.contains("text"))
        << about << "\nwanted " << one["error"] << "\ngot " << got.text;
    EXPECT_EQ(got.text, one["text"].get<std::string>()) << about;
    EXPECT_EQ(characters(got), one.value("spans", Json::array())) << about;
  } catch (const Error& error) {
    ASSERT_TRUE(one.contains("error")) << about << "\nthrew " << error.what();
    EXPECT_EQ(error.parts().where.rfind("t:", 0), 0U) << about << error.what();
    if (!same_words(one["error"]["type"])) return;
    std::string wanted = one["error"]["message"], got = error.parts().what;
    EXPECT_EQ(got.substr(0, wanted.find(" named")), wanted.substr(0, wanted.find(" named")))
        << about;
  }
}

std::string rendered(const std::string& source, const Json& variables = Json::object(),
                     Limits limits = {}) {
  return Template::parse(source, "t.jinja").render(variables, 0, limits).text;
}

ErrorParts refusal(const std::string& source, const Json& variables = Json::object(),
                   Limits limits = {}) {
  try {
    return {"printed " + rendered(source, variables, limits).substr(0, 100), "", ""};
  } catch (const Error& error) {
    return error.parts();
  }
}

std::string times(size_t count, const std::string& text) {
  std::string out;
  for (size_t k = 0; k < count; ++k) out += text;
  return out;
}

TEST(Template, SnippetsRenderAsInTransformers) {
  size_t seen = 0;
  for (const Json& one : golden()["cases"]) {
    std::string name = one["name"];
    if (name.rfind("snippet", 0) != 0) continue;
    check(one);
    ++seen;
  }
  EXPECT_GE(seen, 250U);
}

TEST(Template, PublishedTemplatesRenderAsInTransformers) {
  size_t seen = 0;
  for (const Json& one : golden()["cases"]) {
    if (one["name"].get<std::string>().rfind("snippet", 0) == 0) continue;
    check(one);
    ++seen;
  }
  EXPECT_GE(seen, 800U);
}

TEST(Template, ErrorsNameTheLine) {
  EXPECT_EQ(refusal("a\n{{ 1 }}\n{{ missing.x }}").where, "t.jinja:3");
  EXPECT_EQ(refusal("a\n{% if %}").where, "t.jinja:2");
  EXPECT_EQ(refusal("\n{{ " + times(500, "(") + "1").where, "t.jinja:2");
  EXPECT_EQ(refusal("{{ raise_exception('no tools') }}").what, "no tools");
  EXPECT_EQ(refusal("{% include 'x' %}").what,
            "the tag 'include' is not supported in chat templates");
}

TEST(Template, MethodsItLacksAreRefusedByName) {
  EXPECT_EQ(refusal("{{ 'x'.encode() }}").what,
            "the method 'encode' of str is not supported in chat templates");
}

TEST(Template, KnowsItsGenerationBlocks) {
  EXPECT_TRUE(Template::parse("{% generation %}{% endgeneration %}", "t").has_generation_blocks());
  EXPECT_FALSE(Template::parse("{# {% generation %} #}", "t").has_generation_blocks());
}

TEST(Template, StrftimeNowFollowsTheGivenTime) {
  EXPECT_EQ(rendered("{{ strftime_now('%d %b %Y %H:%M') }}"), "01 Jan 1970 00:00");
}

TEST(Template, HostileTemplatesEndInAnError) {
  const std::string cases[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{{ 'x' * 999999999999 }}",
      "{{ [1] * 999999999999 }}",
      "{{ 'x'.center(999999999999) }}",
      "{{ '%999999d' % 1 }}",
      "{{ '{:999999999999}'.format(1) }}",
      "{{ [1]|tojson(indent=999999999999) }}",
      "{{ [1]|batch(99999999999, 0)|list }}",
      "{{ [1]|slice(99999999999)|list }}",
      "{{ 'a\nb'|indent(99999999999) }}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% "
      "endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('', ns.s) "
      "%}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% "
      "endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% "
      "endfor %}{{ ns.s }}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor "
      "%}",
      "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(x) %}{{ caller(x) }}{% endmacro %}{% macro g() %}{% call f(1) %}{{ g() }}{% "
      "endcall %}{% endmacro %}{{ g() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{{ " + times(5000, "(") + "1" + times(5000, ")") + " }}",
      "{{ " + times(5000, "[") + times(5000, "]") + " }}",
      "{{ " + times(5000, "-") + "1 }}",
      "{{ " + times(5000, "not ") + "1 }}",
      "{{ 1" + times(5000, " + 1") + " }}",
      "{{ a" + times(5000, ".a") + " }}",
      "{{ a" + times(5000, "|e") + " }}",
      times(5000, "{% if 1 %}"),
      times(5000, "{% for x in y %}"),
      "{% if 1 %}" + times(5000, "{% elif 1 %}") + "{% endif %}",
      "{{ 9223372036854775807 + 1 }}",
      "{{ -9223372036854775807 - 2 }}",
      "{{ 10 ** 30 }}",
      "{{ (0 - 9223372036854775807 - 1) // -1 }}",
      "{{ 12345678901234567890 }}",
      "{{ '1e30'|int }}",
  };
  for (const std::string& source : cases) {
    std::string what =
        refusal(source, {{"a", "x"}}, {.steps = 200'000, .output_bytes = 1 << 20}).what;
    EXPECT_NE(what.substr(0, 7), "printed") << source.substr(0, 120) << ": " << what;
  }
}

TEST(Template, LimitsAreTheCallers) {
  EXPECT_EQ(refusal("{{ 'abcdef' }}", Json::object(), {.output_bytes = 5}).what,
            "the template builds a text longer than 5 bytes");
  EXPECT_EQ(
      refusal("{% for i in range(50) %}{{ i }}{% endfor %}", Json::object(), {.steps = 20}).what,
      "the template needs more than 20 steps");
}

TEST(Template, VariablesMustBeUsable) {
  EXPECT_EQ(refusal("x", Json::array()).what, "the template's variables must be a JSON object");
  EXPECT_EQ(refusal("x", {{"a", "\xff"}}).what, "a text among the variables is not UTF-8");
  EXPECT_EQ(refusal("\xff").what, "the template is not UTF-8");
  EXPECT_EQ(refusal("x", {{"a", 18446744073709551615U}}).what,
            "the integer 18446744073709551615 needs more than 64 bits");
}

TEST(Template, ThreadsShareATemplate) {
  Template shared = Template::parse(
      "{% set ns = namespace(n=0) %}{% for i in range(200) %}{% set ns.n = ns.n + i %}{% endfor "
      "%}{{ ns.n }}{{ 'x' }}",
      "t");
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] { text = shared.render(Json::object(), 0).text; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(texts, std::vector<std::string>(4, "19900x"));
}

}  // namespace
}  // namespace temper::jinja
