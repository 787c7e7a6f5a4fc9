#include "runtime/chat/template.h"

#include <gtest/gtest.h>

#include "tests/runtime/chat/model_templates.h"

namespace paretune {
namespace {

using Messages = std::vector<ChatMessage>;

std::string text_of(const std::vector<ChatSegment>& segments) {
  std::string text;
  for (const ChatSegment& segment : segments) text += segment.text;
  return text;
}

std::string render(std::string_view source, const Messages& messages = {},
                   ChatOptions options = {}) {
  if (options.bos_token.empty()) options.bos_token = "<s>";
  if (options.eos_token.empty()) options.eos_token = "</s>";
  return text_of(ChatTemplate(source, "test").render(messages, options));
}

std::string error_of(std::string_view source, const Messages& messages = {}) {
  try {
    return "no error: " + render(source, messages);
  } catch (const ChatTemplateError& e) {
    return e.what();
  }
}

#define EXPECT_ERROR(source, part) \
  EXPECT_NE(error_of(source).find(part), std::string::npos) << error_of(source)

const Messages kTalk{
    {"system", " Be brief. "}, {"user", "Hi"}, {"assistant", "Yes?"}, {"user", "Go\n"}};
const Messages kShort{{"user", "Hi"}};

// Expected texts: what jinja2 3.1 renders with Hugging Face's settings.
TEST(ChatTemplate, RendersChatMl) {
  EXPECT_EQ(render(kChatMl, kTalk),
            "<|im_start|>system\n Be brief. <|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\nGo\n<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(render(kChatMl, kShort, {.add_generation_prompt = false}),
            "<|im_start|>user\nHi<|im_end|>\n");
}

TEST(ChatTemplate, RendersLlama3) {
  EXPECT_EQ(render(kLlama3, kTalk),
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYes?<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nGo<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, RendersLlama31) {
  EXPECT_EQ(render(kLlama31, kTalk),
            "<s><|start_header_id|>system<|end_header_id|>\n\n"
            "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYes?<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nGo<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, RendersQwen25) {
  EXPECT_EQ(render(kQwen25, kShort),
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
            "assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render(kQwen25, {{"system", "S"}, {"user", "Hi"}, {"assistant", "Yes"}}),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, RendersQwen3) {
  // What was thought before the last question is dropped; after it, kept.
  const Messages talk{{"user", "1"}, {"assistant", "<think>\nhm\n</think>\n\n2"}, {"user", "3"}};
  EXPECT_EQ(render(kQwen3, talk, {.switches = {{"enable_thinking", false}}}),
            "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n"
            "<|im_start|>user\n3<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
  EXPECT_EQ(render(kQwen3, {{"user", "1"}, {"assistant", "2", {{"reasoning_content", "why"}}}},
                   {.add_generation_prompt = false}),
            "<|im_start|>user\n1<|im_end|>\n"
            "<|im_start|>assistant\n<think>\nwhy\n</think>\n\n2<|im_end|>\n");
}

TEST(ChatTemplate, RendersMistral) {
  EXPECT_EQ(render(kMistral, {{"user", "Hi"}, {"assistant", "Yes?"}, {"user", "Go"}}),
            "<s>[INST] Hi [/INST]Yes?</s>[INST] Go [/INST]");
  EXPECT_NE(error_of(kMistral, kTalk).find("the template refuses: Conversation roles must"),
            std::string::npos);
}

TEST(ChatTemplate, RendersZephyr) {
  EXPECT_EQ(render(kZephyr, kTalk),
            "<|system|>\n Be brief. </s>\n<|user|>\nHi</s>\n<|assistant|>\nYes?</s>\n"
            "<|user|>\nGo\n</s>\n<|assistant|>\n");
}

TEST(ChatTemplate, RendersSmolLm2) {
  EXPECT_EQ(render(kSmolLm2, kShort),
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, RendersLlama2) {
  EXPECT_EQ(render(kLlama2, kTalk),
            "<s>[INST] <<SYS>>\n Be brief. \n<</SYS>>\n\nHi [/INST] Yes? </s><s>[INST] Go [/INST]");
}

struct Case {
  std::string_view source;
  std::string_view expected;
};

TEST(ChatTemplate, DealsWithWhitespaceAsJinjaDoes) {
  for (const Case& c :
       {Case{"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
        Case{"a {% if true %} b {% endif %} c", "a  b  c"},
        Case{"a \n {%- if true -%} \n b \n {%- endif -%} \n c", "abc"},
        Case{"a\n  {%+ if true +%}\nb{% endif %}", "a\n  \nb"}, Case{"a\n  {# c #}\nb", "a\nb"},
        Case{"a\n  {{ 1 }}\nb", "a\n  1\nb"}, Case{"a {{- 1 -}} b", "a1b"},
        Case{"a\r\nb\n\n", "a\nb\n"}, Case{"{% raw %}{{ x }}{% endraw %}", "{{ x }}"},
        Case{"{", "{"}, Case{"{{ {'a': {'b': 1}}['a']['b'] }}", "1"}}) {
    EXPECT_EQ(render(c.source), c.expected) << c.source;
  }
}

TEST(ChatTemplate, EvaluatesExpressionsAsPythonDoes) {
  for (const Case& c : {
           Case{"{{ 1 + 2 * 3 }}", "7"},
           Case{"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }}", "-4 2 3.5"},
           Case{"{{ 'a' ~ 1 ~ none ~ true }}", "a1NoneTrue"},
           Case{"{{ 1 < 2 < 3 }}", "True"},
           Case{"{{ 'x' if false }}|{{ 'x' if false else 'y' }}", "|y"},
           Case{"{{ [1, 2, 3][-1] }}{{ 'añb'[1] }}{{ 'abc'[::-1] }}", "3ñcba"},
           Case{"{{ 'abcdef'[1:-1:2] }} {{ [1, 2, 3][-100:2] }}", "bd [1, 2]"},
           Case{"{{ 'b' in 'abc' }} {{ 'z' not in ['a'] }} {{ 'k' in {'k': 1} }}",
                "True True True"},
           Case{"{{ x is defined }} {{ x }} {{ not x }}", "False  True"},
           Case{"{{ none is none and 1 is number and 'a' is string }}", "True"},
           Case{"{{ 4 is divisibleby 2 }} {{ 3 is not odd }}", "True False"},
           Case{"{{ 'a,b'.split(',') | join('-') }} {{ ' a  b '.split() }}", "a-b ['a', 'b']"},
           Case{"{{ 'abc'.replace('b', 'XX') }} {{ 'xax'.strip('x') }}", "aXXc a"},
           Case{"{{ 'ab'.startswith('a') }} {{ 'ab'.endswith(('x', 'b')) }}", "True True"},
           Case{"{{ {'a': 1}.get('z', 5) }} {{ {'a': 1}.get('z') }}", "5 None"},
           Case{"{{ {'b': [1, none], 'a': 'é\"\\n'} | tojson }}",
                "{\"b\": [1, null], \"a\": \"é\\\"\\n\"}"},
           Case{"{{ [1, {}] | tojson(indent=2) }}", "[\n  1,\n  {}\n]"},
           Case{"{{ [{'a': 1}, {'a': 2}, {}] | selectattr('a', 'defined') | map(attribute='a') | "
                "list }}",
                "[1, 2]"},
           Case{"{{ ['x', 'y'] | reject('equalto', 'x') | join(', ') }}", "y"},
           Case{"{{ ' hello world ' | trim | title }} {{ 'ÄB' | lower | capitalize }}",
                "Hello World Äb"},
           Case{"{{ '' | default('d', true) }}{{ x | default('e') }} {{ 'añ' | length }}", "de 2"},
           Case{"{{ 'a\\nb' | indent(2) }} {{ [3, 1] | sort | first }} {{ 'abc' | last }}",
                "a\n  b 1 c"},
           Case{"{{ '42' | int + 1 }} {{ 3 | string + 'x' }} {{ {'k': 'v'} | items | first | first "
                "}}",
                "43 3x k"},
           Case{"{{ 'a' 'b' }} {{ 1e3 }} {{ 1.0 }} {{ 2 ** 10 }} {{ \"\\u00e9\\x41\" }}",
                "ab 1000.0 1.0 1024 éA"},
       }) {
    EXPECT_EQ(render(c.source), c.expected) << c.source;
  }
}

TEST(ChatTemplate, RunsStatementsAsJinjaDoes) {
  for (const Case& c : {
           Case{"{% for i in [1, 2, 3] %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ "
                "loop.previtem }}"
                "{{ loop.nextitem }};{% endfor %}",
                "1TrueFalse2;2FalseFalse13;3FalseTrue2;"},
           Case{"{% for i in [] %}{% else %}none{% endfor %}", "none"},
           Case{"{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"},
           Case{"{% for i in range(9) if i is odd %}{% if i == 3 %}{% continue %}{% endif %}"
                "{% if i == 7 %}{% break %}{% endif %}{{ i }}/{{ loop.length }} {% endfor %}",
                "1/4 5/4 "},
           // What a loop sets stays in it, but for namespaces.
           Case{"{% set n = 0 %}{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set n = i %}"
                "{% set ns.n = ns.n + i %}{% endfor %}{{ n }}{{ ns.n }}",
                "03"},
           Case{"{% set a, b = 1, 2 %}{% set t %}<{{ b }}{{ a }}>{% endset %}{{ t | length }}{{ t "
                "}}",
                "4<21>"},
           Case{"{% macro f(x, y='d') %}{{ x }}{{ y }}{% endmacro %}{{ f(1) }} {{ f(1, y=2) }}",
                "1d 12"},
           Case{"{% filter upper %}a{{ 'b' }}{% endfilter %}{% generation %}c{% endgeneration %}",
                "ABc"},
           Case{"{% if 0 %}a{% elif none %}b{% else %}c{% endif %}", "c"},
       }) {
    EXPECT_EQ(render(c.source), c.expected) << c.source;
  }
}

TEST(ChatTemplate, TakesTheTimeFromTheCaller) {
  std::tm day{};
  day.tm_year = 124;
  day.tm_mon = 6;
  day.tm_mday = 26;
  constexpr std::string_view kSource =
      "{{ strftime_now('%d %b %Y') if strftime_now is defined else 'unknown' }}";
  EXPECT_EQ(render(kSource, {}, {.now = day}), "26 Jul 2024");
  EXPECT_EQ(render(kSource), "unknown");
}

// <U> for what users wrote, in order.
std::string marks(std::string_view source, const Messages& messages) {
  std::string text;
  for (const ChatSegment& s : ChatTemplate(source, "test").render(messages, {})) {
    text += s.from_template ? s.text : "<" + s.text + ">";
  }
  return text;
}

TEST(ChatTemplate, MarksSurviveStringOperations) {
  const Messages m{{"user", " Ab "}};
  for (const Case& c : {
           Case{"{{ 'x' + messages[0].content + 'y' }}", "x< Ab >y"},
           Case{"{{ ('x' ~ messages[0].content) | trim | upper }}", "X< AB>"},
           Case{"{{ ('xx' + messages[0].content)[1:4] }}", "x< A>"},
           Case{"{{ ('x' + messages[0].content)[::-1] }}", "< bA >x"},
           Case{"{{ messages[0].content.replace('A', 'Z') }}", "< >Z<b >"},
           Case{"{{ 'xAx'.replace('A', messages[0].content) }}", "x< Ab >x"},
           Case{"{{ ['x', messages[0].content] | join('-') }}", "x-< Ab >"},
           Case{"{{ messages[0].content.split('b')[0] }}", "< A>"},
           Case{"{{ messages[0].content * 2 }}", "< Ab  Ab >"},
           Case{"{{ [messages[0].content] | tojson }}", "[\"< Ab >\"]"},
           Case{"{% set t %}x{{ messages[0].role }}{% endset %}{{ t | title }}", "X<user>"},
           Case{"{% macro f(x) %}({{ x }}){% endmacro %}{{ f(messages[0].content) }}", "(< Ab >)"},
           Case{"{% for c in messages[0].content %}{{ c }}{% endfor %}", "< Ab >"},
           Case{"{{ messages[0].content | indent(1, true) }}", " < Ab >"},
           Case{"{{ messages[0] | string | length > 5 }}", "True"},
       }) {
    EXPECT_EQ(marks(c.source, m), c.expected) << c.source;
  }
}

TEST(ChatTemplate, ErrorsNameTheLineAndWhatIsKnown) {
  EXPECT_ERROR("a\n{{ 1 | nosuch }}", "test: line 2: unknown filter 'nosuch'; supported: abs, ");
  EXPECT_ERROR("{{ 1 is nosuch }}", "unknown test 'nosuch'; supported: boolean");
  EXPECT_ERROR("{% include 'x' %}", "unexpected tag 'include'; supported: if, for");
  EXPECT_ERROR("\n\n{{ f() }}",
               "line 3: 'f', undefined, cannot be called; functions: raise_exception");
  EXPECT_ERROR("{{ 'a'.format(1) }}", "a string has no method 'format'; supported: capitalize");
  EXPECT_ERROR("{% if 1 %}a", "expected {% endif %}");
  EXPECT_ERROR("{% for x in y %}", "expected {% endfor %}");
  EXPECT_ERROR("{{ x", "not closed");
  EXPECT_ERROR("{{ 'x }}", "the string is not closed");
  EXPECT_ERROR("{# x", "the comment {# is not closed");
  EXPECT_ERROR("{{ x.y.z }}", "'y' of an undefined value");
  EXPECT_ERROR("{{ 1 + none }}", "'+' between an integer and none");
  EXPECT_ERROR("{{ 1 // 0 }}", "division by zero");
  EXPECT_ERROR("{{ 9223372036854775807 + 1 }}", "too large");
  EXPECT_ERROR("{{ (-9223372036854775807 - 1) // -1 }}", "too large");
  EXPECT_ERROR("{{ 'a' | replace('a') }}", "replace takes a string");
  EXPECT_ERROR("{{ raise_exception('no ' + 'way') }}", "the template refuses: no way");
  EXPECT_ERROR("{% break %}", "break outside of a loop");
  EXPECT_ERROR("{% set x.y = 1 %}", "'x' is not a namespace");
  EXPECT_ERROR("{{ 1 ? 2 }}", "unexpected character '?'");
}

TEST(ChatTemplate, LimitsEndWhatWouldNotEnd) {
  EXPECT_ERROR("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
               "limit of 1000000 steps");
  EXPECT_ERROR(
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s "
      "%}{% endfor %}",
      "bytes of values");
  EXPECT_ERROR(
      "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% "
      "endfor %}",
      "limit of ");
  EXPECT_ERROR("{{ 'x' * 9223372036854775807 }}", "bytes of values");
  EXPECT_ERROR("{{ 'x' * 20000000 }}", "bytes of output");
  EXPECT_ERROR(
      "{% set ns = namespace(s=[]) %}{% for i in range(999) %}{% set ns.s = [ns.s] %}{% endfor %}",
      "nested more than 64 levels");
  EXPECT_ERROR(
      "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% "
      "endfor %}"
      "{{ ns.s | string }}",
      "steps");
  EXPECT_ERROR("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested calls");
  EXPECT_ERROR("{{ range(1000000) }}", "range of more than 100000");
  EXPECT_ERROR("{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}",
               "levels deep");
  EXPECT_ERROR("{{ " + std::string(100000, '[') + std::string(100000, ']') + " }}", "levels deep");
  EXPECT_ERROR("{{ " + std::string(100000, '-') + "1 }}", "levels deep");
  std::string sum = "1", nots, ifs, filters;
  for (int i = 0; i < 100000; ++i) sum += "+1";
  for (int i = 0; i < 100000; ++i) nots += "not ";
  for (int i = 0; i < 50000; ++i) ifs += "{% if 1 %}";
  for (int i = 0; i < 50000; ++i) filters += "|trim";
  EXPECT_ERROR("{{ " + sum + " }}", "levels");
  EXPECT_ERROR("{{ " + nots + "1 }}", "levels deep");
  EXPECT_ERROR(ifs, "levels deep");
  EXPECT_ERROR("{{ 'x'" + filters + " }}", "levels");
  EXPECT_ERROR(std::string(2 << 20, 'x'), "at most 1048576");
}

TEST(ChatTemplate, AMegabyteOfTextIsQuick) {
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(render("{{ (messages[0].content | trim).split('b')[0].replace('aab', '') | length }}",
                   {{"user", text}}),
            "1048576");
}

}  // namespace
}  // namespace paretune
