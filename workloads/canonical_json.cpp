// Writing a workload, and listing its keys: walks over the tables of workload_fields.h.
#include <algorithm>
#include <functional>

#include "workloads/strict_json.h"
#include "workloads/workload_fields.h"
#include "workloads/workload_json.h"

namespace paretune {

using nlohmann::json;

namespace {

// Overloads mirror Reader's in workload_json.cpp.
struct Writer {
  template <class T>
  requires std::is_arithmetic_v<T>
  static json write(T value) { return value; }
  static json write(const std::string& text) { return text; }
  template <class T>
  static json write(const std::optional<T>& value) {
    return write(*value);  // an empty one is the default, which is left out
  }
  template <class T>
  static json write(const std::vector<T>& list) {
    json result = json::array();
    for (const T& item : list) result.push_back(write(item));
    return result;
  }
  template <class T>
  static json write(const std::map<std::string, T>& map) {
    json result = json::object();
    for (const auto& [key, value] : map) result[key] = write(value);
    return result;
  }
  template <class Row>
  requires requires(const Row& row) { row.name; }
  static json write(const Row* const& row) { return row->name; }
  static json write(const Percentile& p) { return p.name; }
  static json write(const TextSpec& text) { return text.path; }

  static json write(const LengthSpec& length) {
    if (length.law == &kFixedLength) return std::int64_t(length.value);
    return write_by_row<LengthRows>(length);
  }
  static json write(const ArrivalSpec& arrival) { return write_by_row<ArrivalRows>(arrival); }

  static json write(const Slo& slo) {
    json result = json::object();
    for (const SloBound& bound : slo.bounds)
      result[std::string(bound.metric->name)][std::string(bound.percentile.name)] = bound.max_ms;
    if (slo.attainment_fraction) result["attainment_fraction"] = *slo.attainment_fraction;
    return result;
  }

  template <HasFields T>
  static json write(const T& value) {
    json result = json::object();
    each_field<T>([&](const auto& field) {
      write_field(field, field.need == Need::required, value, result);
    });
    return result;
  }

  template <class Rows, class T>
  static json write_by_row(const T& value) {
    const auto* row = value.*Rows::kRow;
    json result{{Rows::kKey, row->name}};
    each_field<T>([&](const auto& field) {
      if (const bool required = has_word(row->required, field.key);
          required || has_word(row->optional, field.key))
        write_field(field, required, value, result);
    });
    return result;
  }

  template <class F, class T>
  static void write_field(const F& field, bool required, const T& value, json& result) {
    static const T kDefault{};
    const auto& member = std::invoke(field.member, value);
    if (required || !(member == std::invoke(field.member, kDefault)))
      result[std::string(field.key)] = write(member);
  }
};

// Overloads by type, as above: a member's keys, if it has any.
struct Lister {
  std::vector<std::string>& keys;

  void add(const std::string& path) { keys.push_back(path); }

  template <class T>
  void list(std::type_identity<T>, const std::string& path) {
    if constexpr (HasFields<T>) {
      if constexpr (std::is_same_v<T, LengthSpec>) add(path + "." + std::string(LengthRows::kKey));
      if constexpr (std::is_same_v<T, ArrivalSpec>)
        add(path + "." + std::string(ArrivalRows::kKey));
      each_field<T>([&](const auto& field) {
        using Member = std::remove_cvref_t<decltype(std::invoke(field.member, std::declval<T&>()))>;
        const std::string spellings = std::string(field.key) + " " + std::string(field.aliases);
        for (const std::string_view key : words(spellings)) {
          add(path + "." + std::string(key));
          list(std::type_identity<Member>{}, path + "." + std::string(key));
        }
      });
    }
  }
  template <class T>
  void list(std::type_identity<std::vector<T>>, const std::string& path) {
    list(std::type_identity<T>{}, path + "[]");
  }
  template <class T>
  void list(std::type_identity<std::map<std::string, T>>, const std::string& path) {
    add(path + ".*");
    list(std::type_identity<T>{}, path + ".*");
  }
  void list(std::type_identity<Slo>, const std::string& path) {
    add(path + ".attainment_fraction");
    for (const LatencyMetric& metric : kLatencyMetrics) {
      const std::string at = path + "." + std::string(metric.name);
      add(at);
      for (const Percentile& p : kPercentiles) {
        add(at + "." + std::string(p.name));
        if (const std::string_view alias = percentile_alias(p); !alias.empty())
          add(at + "." + std::string(alias));
      }
    }
  }
};

json written(const Workload& workload) {
  json all = Writer::write(workload);
  all["objective"] = Writer::write(workload.objective);  // its default depends on the SLO
  return all;
}

}  // namespace

std::string canonical_json(const Workload& workload) { return written(workload).dump(); }

std::string canonical_speed_json(const Workload& workload) {
  json all = written(workload), result = json::object();
  for (const char* key : {"traffic", "arrival", "slo", "num_requests", "warmup_requests", "seed"})
    if (all.contains(key)) result[key] = std::move(all[key]);
  return result.dump();
}

std::string canonical_quality_json(const Workload& workload) {
  json result{{"quality", Writer::write(workload.quality)}, {"seed", workload.seed}};
  result["quality"].erase("floors");
  return result.dump();
}

std::vector<std::string> workload_keys() {
  std::vector<std::string> keys;
  Lister{keys}.list(std::type_identity<Workload>{}, "$");
  return keys;
}

}  // namespace paretune
