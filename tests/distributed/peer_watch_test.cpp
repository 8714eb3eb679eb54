#include "src/distributed/peer_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace diffuse {

static Beat beat_of(int64_t beats, int64_t progress, int64_t collectives) {
  return {beats, progress, collectives, 12, /*unhurried=*/false, "loading data"};
}

TEST(PeerWatch, BeatsSurviveTheWayThroughText) {
  const Beat beat = Beat::parse(beat_of(1, 2, 3).text());
  EXPECT_EQ(beat.beats, 1);
  EXPECT_EQ(beat.progress, 2);
  EXPECT_EQ(beat.collectives, 3);
  EXPECT_EQ(beat.step, 12);
  EXPECT_FALSE(beat.unhurried);
  EXPECT_TRUE(Beat::parse(Beat{}.text()).unhurried);
  EXPECT_EQ(beat.phase, "loading data");
}

TEST(RunningClock, DoesNotCountWhileTheProcessWasStopped) {
  RunningClock clock(2);
  EXPECT_EQ(clock.tick(100), 0);
  EXPECT_EQ(clock.tick(101.5), 1.5);
  EXPECT_EQ(clock.tick(161.5), 3.5);
  EXPECT_EQ(clock.tick(162), 4);
}

TEST(PeerWatch, SaysNothingOfRanksThatBeatAndMove) {
  PeerWatch watch(2, 10, 60);
  for (int second = 0; second < 100; ++second)
    for (int rank = 0; rank < 2; ++rank) watch.observe(rank, beat_of(second, second, 0), second);
  EXPECT_FALSE(watch.verdict(100));
}

TEST(PeerWatch, NamesADeadRankAndItsPhase) {
  PeerWatch watch(3, 10, 60);
  for (int rank = 0; rank < 3; ++rank) watch.observe(rank, beat_of(1, 1, 1), 0);
  for (const int rank : {0, 2}) watch.observe(rank, beat_of(2, 1, 1), 10.2);
  const auto verdict = watch.verdict(10.2);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(*verdict, "rank 1 died in phase \"loading data\" of step 12: no heartbeat for 10s");
}

// A cable pulled out of the machine that watches.
TEST(PeerWatch, BlamesNoRankWhenAllOthersFallSilent) {
  PeerWatch watch(3, 10, 60);
  for (int second = 0; second <= 11; ++second) {
    watch.observe(0, beat_of(second, second, 0), second);
    for (const int rank : {1, 2}) watch.observe(rank, beat_of(0, 0, 0), second / 4.0);
  }
  const auto verdict = watch.verdict(11);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(
      *verdict,
      "no heartbeat from any other rank for 11s: all died, or this machine is cut off from the "
      "network");
}

TEST(PeerWatch, CallsARankDeadThatStoppedBeatingAfterItsLastProgress) {
  PeerWatch watch(2, 3, 3);
  for (int tenth = 0; tenth <= 40; ++tenth) {
    const double now = tenth / 10.0;
    watch.observe(0, beat_of(tenth, 9, 9), now);
    watch.observe(1, beat_of(std::min(tenth, 5), 1, 1), now);  // makes no progress, then no beat
    const auto verdict = watch.verdict(now);
    if (now <= 3.5) {
      EXPECT_FALSE(verdict) << now << *verdict;
    } else {
      EXPECT_TRUE(verdict && verdict->starts_with("rank 1 died")) << now;
    }
  }
}

TEST(PeerWatch, BlamesNoneThatWaitsForARankThatStoppedBeating) {
  PeerWatch watch(3, 3, 3);
  for (int tenth = 0; tenth <= 40; ++tenth) {
    const double now = tenth / 10.0;
    for (const int rank : {0, 2}) watch.observe(rank, beat_of(tenth, 9, 9), now);
    watch.observe(1, beat_of(std::min(tenth, 5), 9, 9), now);  // as far as the others, then killed
    const auto verdict = watch.verdict(now);
    if (now <= 3.5) {
      EXPECT_FALSE(verdict) << now << *verdict;
    } else {
      EXPECT_TRUE(verdict && verdict->starts_with("rank 1 died")) << now;
    }
  }
}

TEST(PeerWatch, BlamesTheRankThatTheOthersWaitFor) {
  PeerWatch watch(3, 10, 60);
  for (int second = 0; second <= 61; ++second) {
    watch.observe(0, beat_of(second, 7, 5), second);
    watch.observe(1, beat_of(second, 9, 4), second);
    watch.observe(2, beat_of(second, 8, 5), second);
  }
  const auto verdict = watch.verdict(61);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->substr(0, 38), "rank 1 hangs in phase \"loading data\" o");
}

TEST(PeerWatch, ForgivesARankThatIsSlowerThanTheOthers) {
  PeerWatch watch(2, 10, 60);
  for (int second = 0; second <= 100; ++second) {
    watch.observe(0, beat_of(second, second / 50, 5), second);
    watch.observe(1, beat_of(second, second / 59, 4), second);
  }
  EXPECT_FALSE(watch.verdict(100));
}

TEST(PeerWatch, ForgivesAnUnhurriedRankAndThoseThatWaitForIt) {
  PeerWatch watch(2, 10, 60);
  for (int second = 0; second <= 1060; ++second) {
    Beat slow = beat_of(second, 7, 4);
    slow.unhurried = second <= 1000;
    watch.observe(0, slow, second);
    watch.observe(1, beat_of(second, 9, 5), second);
    EXPECT_FALSE(watch.verdict(second)) << second;
  }
  watch.observe(0, beat_of(1061, 7, 4), 1061);
  watch.observe(1, beat_of(1061, 9, 5), 1061);
  const auto verdict = watch.verdict(1061);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->starts_with("rank 0 hangs")) << *verdict;
}

TEST(PeerWatch, NamesADeadRankThatWasUnhurried) {
  PeerWatch watch(2, 10, 60);
  for (int second = 0; second <= 11; ++second) {
    watch.observe(0, beat_of(second, second, 5), second);
    watch.observe(1, Beat{}, second);
  }
  const auto verdict = watch.verdict(11);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(*verdict, "rank 1 died in phase \"start\" of step 0: no heartbeat for 11s");
}

}  // namespace diffuse
