#include "profiles/measurement_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/profiles/sample_measurement.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

std::string message_of(const std::string& json) {
  return refusal([&] { parse_measurement(json, "store.sqlite"); });
}

TEST(MeasurementJson, RoundTripIsExact) {
  const Measurement m = sample_measurement();
  const std::string text = to_json(m);
  const Measurement back = parse_measurement(text, "test");
  EXPECT_EQ(to_json(back), text);
  EXPECT_EQ(back.outcome, Outcome::timed_out);
  EXPECT_EQ(back.seconds, 0.1 + 0.2);
  EXPECT_EQ(back.speed.max_rate, 5e-324);
  EXPECT_EQ(back.speed.load_s, 1e22);
  EXPECT_EQ(back.speed.cost.high, std::numeric_limits<double>::infinity());
  EXPECT_EQ(back.speed.rate_search.size(), 2);
  EXPECT_EQ(back.speed.rate_search[1].offered_rate, 4.4);
  EXPECT_EQ(back.speed.at_workload.prefix_cache_queries, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(back.speed.at_workload.missed, m.speed.at_workload.missed);
  EXPECT_EQ(back.speed.at_workload.latency.tpot_ms.percentiles[2].high, 1.1 / 3);
  EXPECT_EQ(back.quality.perplexity, std::exp(1.0));
  EXPECT_EQ(back.quality.capabilities.at(0).mended, 3);
}

TEST(MeasurementJson, FieldsKeepTheirNames) {
  const auto json = nlohmann::json::parse(to_json(sample_measurement()));
  EXPECT_EQ(json["outcome"], "timed_out");
  EXPECT_EQ(json["speed"]["cost"]["high"], "inf");
  EXPECT_EQ(json["speed"]["at_max_rate"]["latency"]["ttft_ms"]["p99.9"]["value"], 4.7);
  EXPECT_EQ(json["quality"]["kl_p99"], 0.03);
}

TEST(MeasurementJson, NotANumberComesBack) {
  Measurement m;
  m.quality.perplexity = std::nan("");
  m.quality.kl_p99 = -std::numeric_limits<double>::infinity();
  const Measurement back = parse_measurement(to_json(m), "test");
  EXPECT_TRUE(std::isnan(back.quality.perplexity));
  EXPECT_EQ(back.quality.kl_p99, m.quality.kl_p99);
}

TEST(MeasurementJson, EveryOutcomeComesBack) {
  for (const Outcome outcome : {Outcome::ok, Outcome::out_of_memory, Outcome::timed_out,
                                Outcome::crashed, Outcome::refused})
    EXPECT_EQ(parse_measurement(to_json(Measurement{.outcome = outcome}), "test").outcome, outcome);
}

TEST(MeasurementJson, TextThatIsNotUtf8IsKeptReadable) {
  const Measurement back =
      parse_measurement(to_json(Measurement{.detail = "killed \xff!"}), "test");
  EXPECT_EQ(back.detail, "killed \xef\xbf\xbd!");
}

TEST(MeasurementJson, PartsComeBackAlone) {
  const Quality quality = sample_measurement().quality;
  EXPECT_EQ(to_json(parse_quality(to_json(quality), "test")), to_json(quality));
  const LoadRun run = sample_load_run(2);
  EXPECT_EQ(to_json(parse_load_run(to_json(run), "test")), to_json(run));
}

TEST(MeasurementJson, WrongTextIsRefusedByPath) {
  using nlohmann::json;
  const json good = json::parse(to_json(sample_measurement()));
  EXPECT_EQ(message_of("{"), "store.sqlite: not JSON: {");
  EXPECT_EQ(message_of("[]"), "store.sqlite: $: found [], allowed: an object");

  json bad = good;
  bad["speed"]["rate_search"][1]["requests"] = -1;
  EXPECT_EQ(message_of(bad.dump()),
            "store.sqlite: $.speed.rate_search[1].requests: found -1, allowed: a whole number from "
            "0 to 2147483647");
  bad = good;
  bad["quality"].erase("kl_p99");
  EXPECT_NE(message_of(bad.dump()).find("$.quality"), std::string::npos);
  EXPECT_NE(message_of(bad.dump()).find("the key kl_p99"), std::string::npos);
  bad = good;
  bad["quality"]["vibes"] = 1;
  EXPECT_NE(message_of(bad.dump()).find("and no others"), std::string::npos);
  bad = good;
  bad["outcome"] = "fine";
  EXPECT_NE(message_of(bad.dump()).find("$.outcome: found \"fine\""), std::string::npos);
  bad = good;
  bad["seconds"] = "fast";
  EXPECT_NE(message_of(bad.dump()).find("$.seconds: found \"fast\", allowed: a number"),
            std::string::npos);
}

}  // namespace
}  // namespace paretune
