#include "optimizer/start_order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace paretune {
namespace {

// Configs told apart by their batch: what is predicted of each.
struct Starts {
  std::map<int, Prediction> predicted;
  std::vector<DeployConfig> configs;
  Workload workload;
  std::vector<Trial> trials;

  Starts() : trials(1) {  // the default
    workload.quality.floors.max_kl_divergence = 0.05;
  }
  void add(int batch, double cost, double latency, double kl) {
    predicted[batch] = {.objectives = {cost, latency, kl}, .max_rate = 1};
    add(batch);
  }
  void add(int batch) { configs.emplace_back().max_batch_size = batch; }
  void measure(double cost, double latency, double kl) {
    trials.push_back({.objectives = {cost, latency, kl}, .feasible = true});
  }

  // The batch of the next; 0: none is left.
  int next() {
    const auto predict = [&](const DeployConfig& config) -> std::optional<Prediction> {
      const auto found = predicted.find(config.max_batch_size);
      return found == predicted.end() ? std::nullopt : std::optional(found->second);
    };
    const auto config = take_start(configs, predict, trials, workload);
    return config ? config->max_batch_size : 0;
  }
};

TEST(StartOrderTest, ACarefulOneThenTheCheapestThenTheUnknown) {
  Starts starts;
  starts.add(9);
  starts.add(1, 1, 10, 0.04);
  starts.add(2, 3, 10, 0.001);
  starts.add(3, 2, 10, 0.004);
  starts.add(8, 0.1, 10, NAN);
  EXPECT_EQ(starts.next(), 3);  // the cheaper of two that lose next to nothing
  starts.measure(9, 90, 0.0);
  EXPECT_EQ(starts.next(), 1);
  EXPECT_EQ(starts.next(), 2);
  EXPECT_EQ(starts.next(), 8);
  EXPECT_EQ(starts.next(), 9);
  EXPECT_EQ(starts.next(), 0);
}

TEST(StartOrderTest, WithoutPredictionsTheyKeepTheirOrder) {
  Starts starts;
  for (const int batch : {4, 2, 8}) starts.add(batch);
  EXPECT_EQ(starts.next(), 4);
  EXPECT_EQ(starts.next(), 2);
  EXPECT_EQ(starts.next(), 8);
}

TEST(StartOrderTest, WhatATrialSurpassesIsDropped) {
  Starts starts;
  starts.measure(1, 10, 0.001);
  starts.add(1, 1.2, 12, 0.001);  // worse all round
  starts.add(2, 1.05, 12, 0.01);  // within what predictions err by
  starts.add(3, 1.2, 9, 0.01);
  starts.add(4, 1.3, 12, 0.0005);
  EXPECT_EQ(starts.next(), 2);
  EXPECT_EQ(starts.configs.size(), 2u);
  starts.trials.back().feasible = false;  // what misses a limit surpasses nothing
  starts.add(1, 1.4, 12, 0.001);
  EXPECT_EQ(starts.next(), 3);
  EXPECT_EQ(starts.configs.size(), 2u);
}

// The cheapest by its prediction loses more than it may, as the one that was tried did.
TEST(StartOrderTest, GoesByWhatTheTrialsShowed) {
  Starts starts;
  starts.add(1, 1, 10, 0.04);
  starts.add(2, 2, 10, 0.01);
  starts.measure(9, 90, 0.2);
  starts.trials.back().predicted = Prediction{.objectives = {9, 90, 0.04}, .max_rate = 1};
  EXPECT_EQ(starts.next(), 2);
}

}  // namespace
}  // namespace paretune
