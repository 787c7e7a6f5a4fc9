#include "workloads/evals.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>

#include "workloads/probes.h"
#include "workloads/random.h"
#include "workloads/strict_json.h"
#include "workloads/text_file.h"

namespace paretune {

namespace {

constexpr std::size_t kMaxEvalBytes = 256 << 20;
constexpr std::size_t kMaxPromptBytes = 4 << 20;
constexpr std::string_view kPromptAliases = "question";
constexpr std::string_view kCapabilityAliases = "family category subject";
constexpr std::string_view kDocumentAliases = "passage";

// Any text: prompts have line ends, and whatever else a user asks about.
std::string text_at(const JsonPlace& place, std::size_t min_size) {
  const nlohmann::json& value = place.value();
  if (!value.is_string() || value.get_ref<const std::string&>().size() < min_size ||
      value.get_ref<const std::string&>().size() > kMaxPromptBytes)
    place.refuse(min_size > 0 ? "a string that is not empty, of at most 4 MiB"
                              : "a string of at most 4 MiB");
  return value.get<std::string>();
}

void read_choices(const JsonPlace& place, EvalItem& item) {
  const JsonPlace choices = place.at("choices");
  const std::size_t n = choices.expect_array(2, 100);
  for (std::size_t i = 0; i < n; ++i) item.choices.push_back(text_at(choices.at(i), 1));

  const JsonPlace answer = place.at("answer");
  if (answer.value().is_string()) {
    const std::string text = text_at(answer, 1);
    if (std::count(item.choices.begin(), item.choices.end(), text) != 1)
      answer.refuse("the text of exactly one choice, or its index from 0");
    item.correct_choice =
        int(std::find(item.choices.begin(), item.choices.end(), text) - item.choices.begin());
  } else {
    item.correct_choice = int(answer.integer({0, double(n - 1)}));
  }
  item.answer = item.choices[std::size_t(item.correct_choice)];
}

EvalItem read_item(const JsonPlace& place, int line_number, const std::string& capability) {
  std::vector<std::string> aliases;
  for (const std::string_view known : {kPromptAliases, kCapabilityAliases, kDocumentAliases}) {
    for (const std::string_view alias : words(known)) aliases.emplace_back(alias);
  }
  place.expect_keys({"id", "capability", "document", "prompt", "choices", "answer", "grader",
                     "tolerance", "metadata"},
                    aliases);
  if (!place.find("prompt", kPromptAliases))
    place.refuse_missing("prompt", "the question, a string");
  if (!place.find("answer")) place.refuse_missing("answer", "the right answer");

  EvalItem item{.id = std::to_string(line_number), .capability = capability};
  item.prompt = text_at(place.at("prompt", kPromptAliases), 1);
  if (place.find("id")) {
    const JsonPlace id = place.at("id");
    item.id = id.value().is_number_integer() ? id.value().dump() : id.string(1, 200);
  }
  if (place.find("capability", kCapabilityAliases))
    item.capability = place.at("capability", kCapabilityAliases).string(1, 100);
  if (place.find("document", kDocumentAliases))
    item.document = text_at(place.at("document", kDocumentAliases), 1);
  if (place.find("tolerance")) item.tolerance = place.at("tolerance").number({0, 1e300});
  if (place.find("choices")) {
    read_choices(place, item);
  } else {  // 124 is short for "124", and an object for its JSON
    const JsonPlace answer = place.at("answer");
    if (answer.value().is_null()) answer.refuse("a string, a number or another JSON value");
    item.answer = answer.value().is_string() ? text_at(answer, 0) : answer.value().dump();
  }
  item.grader = item.choices.empty() ? &kExactMatch : &kChoiceLogprob;
  if (place.find("grader")) {
    item.grader = row_named(place.at("grader"), kGraders);
    if (const std::string_view lacking = item.grader->lacks(item); !lacking.empty())
      place.at("grader").refuse(std::string(item.grader->name) + " only together with " +
                                std::string(lacking));
  }
  return item;
}

}  // namespace

std::vector<EvalItem> parse_evals(std::string_view text, const std::filesystem::path& file) {
  std::vector<EvalItem> items;
  std::set<std::string> ids;
  text = without_bom(text);
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::string_view line = trimmed(take_line(text));
    if (line.empty()) continue;
    const std::string where = file.string() + ":" + std::to_string(line_number);
    const nlohmann::json json = parse_strict_json(line, where);
    const JsonPlace place(json, where);
    items.push_back(read_item(place, line_number, file.stem().string()));
    if (!ids.insert(items.back().id).second)
      place.key("id").refuse("\"" + items.back().id + "\" a second time",
                             "an id of its own for each item");
  }
  if (items.empty())
    throw std::runtime_error(file.string() + ": found no items, allowed: at least one");
  return items;
}

std::vector<EvalItem> load_evals(const std::filesystem::path& file) {
  return parse_evals(read_text_file(file, kMaxEvalBytes), file);
}

std::vector<EvalItem> load_evals(const EvalSpec& spec, std::uint64_t seed) {
  std::vector<EvalItem> items;
  for (const Probe* probe : probes_named(spec.path)) {
    for (EvalItem& item : probe_items(*probe, spec.max_items.value_or(kProbeItems), seed))
      items.push_back(std::move(item));
  }
  if (!items.empty()) return items;
  items = load_evals(spec.file);
  if (spec.grader) {
    for (EvalItem& item : items) {
      item.grader = spec.grader;
      if (!spec.command.empty()) {
        item.command = spec.folder.empty() ? "" : "cd '" + spec.folder.string() + "' && ";
        item.command += spec.command;
      }
      if (const std::string_view lacking = spec.grader->lacks(item); !lacking.empty())
        throw std::runtime_error(spec.file.string() + ": item " + item.id + ": the grader " +
                                 std::string(spec.grader->name) + " needs " + std::string(lacking));
    }
  }
  return spec.max_items ? select(items, *spec.max_items, seed) : items;
}

std::vector<EvalItem> load_evals(const Workload& workload) {
  std::vector<EvalItem> all;
  std::set<std::string> capabilities;
  for (const EvalSpec& spec : workload.quality.evals)
    for (EvalItem& item : load_evals(spec, workload.seed)) {
      capabilities.insert(item.capability);
      all.push_back(std::move(item));
    }
  for (const auto& [name, floor] : workload.quality.floors.capabilities) {
    if (capabilities.contains(name)) continue;
    std::string known;
    for (const std::string& capability : capabilities)
      known += (known.empty() ? "" : ", ") + capability;
    throw std::runtime_error(workload.file.string() + ": $.quality.floors.capabilities." + name +
                             ": found a capability that no eval item has, allowed: " + known);
  }
  return all;
}

std::vector<EvalItem> select(const std::vector<EvalItem>& items, int n, std::uint64_t seed) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return derive_seed(seed, a) < derive_seed(seed, b);
  });
  order.resize(std::min(order.size(), std::size_t(std::max(n, 0))));
  std::sort(order.begin(), order.end());
  std::vector<EvalItem> chosen;
  for (const std::size_t i : order) chosen.push_back(items[i]);
  return chosen;
}

bool in_training_split(std::string_view prompt) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : prompt) hash = (hash ^ std::uint8_t(c)) * 0x100000001b3;
  return (hash >> 40) % 4 == 0;
}

bool calibrates_on_evals(const QualitySpec& quality) {
  return std::ranges::any_of(quality.calibration,
                             [](const TextSpec& text) { return text.path == kTrainingSplit; });
}

}  // namespace paretune
