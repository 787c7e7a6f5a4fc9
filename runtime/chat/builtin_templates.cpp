#include "runtime/chat/builtin_templates.h"

#include <algorithm>

namespace paretune {
namespace {

bool has(const Tokenizer& tokenizer, std::string_view marker) {
  return tokenizer.special_token(marker).has_value();
}

// Llama 2 has no markers but <s> and </s>. Small SentencePiece models are not chat models of that
// family, whose vocabulary has 32000 tokens or more.
bool fits_llama2(const Tokenizer& tokenizer) {
  return tokenizer.kind() == TokenizerData::Kind::sentencepiece &&
         tokenizer.vocab_size() >= 32000 && has(tokenizer, "<s>") && has(tokenizer, "</s>");
}

constexpr std::string_view kChatMl =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

constexpr std::string_view kLlama3 =
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    " + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

// The system message goes into the first user message, between <<SYS>> marks.
constexpr std::string_view kLlama2 =
    "{% set ns = namespace(system='') %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{% set ns.system = '<<SYS>>\\n' + message['content'] | trim + '\\n<</SYS>>\\n\\n' %}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] | trim + ' ' + eos_token }}"
    "{% else %}"
    "{{ bos_token + '[INST] ' + ns.system + message['content'] | trim + ' [/INST]' }}"
    "{% set ns.system = '' %}"
    "{% endif %}"
    "{% endfor %}";

// Base models: a transcript.
constexpr std::string_view kPlain =
    "{% for message in messages %}"
    "{{ message['role'] + ': ' + message['content'] + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";

constexpr std::array kBuiltinTemplates{
    BuiltinTemplate{"chatml", [](const Tokenizer& t) { return has(t, "<|im_start|>"); }, kChatMl},
    BuiltinTemplate{"llama-3", [](const Tokenizer& t) { return has(t, "<|start_header_id|>"); },
                    kLlama3},
    BuiltinTemplate{"llama-2", fits_llama2, kLlama2},
    BuiltinTemplate{"plain", [](const Tokenizer&) { return true; }, kPlain},
};

}  // namespace

std::span<const BuiltinTemplate> builtin_templates() { return kBuiltinTemplates; }

const BuiltinTemplate& builtin_template_for(const Tokenizer& tokenizer) {
  return *std::find_if(kBuiltinTemplates.begin(), kBuiltinTemplates.end(),
                       [&](const BuiltinTemplate& row) { return row.fits(tokenizer); });
}

}  // namespace paretune
