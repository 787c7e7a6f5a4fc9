#include "runtime/engine/parking.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace paretune {
namespace {

using namespace std::chrono_literals;

TEST(ParkingTest, WaitsUntilTheNumberChangesAndReturnsIt) {
  Parking number(3);
  EXPECT_EQ(number.wait_change(2), 3);
  int seen = 0;
  std::thread waiter([&] { seen = number.wait_change(3); });
  std::this_thread::sleep_for(20ms);  // it is parked
  EXPECT_EQ(number.add(4), 3);
  waiter.join();
  EXPECT_EQ(seen, 7);
  EXPECT_EQ(number.load(), 7);
}

TEST(ParkingTest, WakesAllWhoAreParked) {
  Parking number(0);
  std::thread a([&] { number.wait_change(0); }), b([&] { number.wait_change(0); });
  std::this_thread::sleep_for(20ms);
  number.add(-1);
  a.join();
  b.join();
}

// What is set without a wake-up stands for a wake-up that was lost.
TEST(ParkingTest, ALostWakeUpIsNoticedAllTheSame) {
  Parking number(0);
  std::thread waiter([&] { number.wait_change(0); });
  std::this_thread::sleep_for(20ms);
  number.set(1);
  waiter.join();
}

}  // namespace
}  // namespace paretune
