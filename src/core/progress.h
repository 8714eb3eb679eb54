// Progress of a long loop, on stderr: on a terminal one line, redrawn in place; elsewhere occasional log
// lines; nothing if the log level is above info.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace diffuse {

// Units per second over the last 30 s, so that the estimate follows changes of speed.
class RateMeter {
 public:
  void add(double seconds, int64_t done);  // `done` units at time `seconds`
  double rate() const;                     // 0 while unknown

 private:
  struct Mark {
    double seconds;
    int64_t done;
  };
  std::deque<Mark> marks_;  // at least half a second apart
  Mark latest_{};
};

struct ProgressState {
  std::string unit = "step";
  int64_t done = 0;
  int64_t total = 0;   // 0 = unknown
  double rate = 0;     // units per second; 0 = unknown
  std::string text{};  // "loss 0.0312"
};

// "1200/3000 steps, 12.3 steps/s, ETA 2m26s, loss 0.0312"
std::string format_progress(const ProgressState& state);

// The same after "[=====>      ] ", cut to `width` characters.
std::string format_bar(const ProgressState& state, int width);

struct ProgressOptions {
  std::string unit = "step";
  int64_t total = 0;     // 0 = unknown
  int64_t start = 0;     // units done before a resume
  double interval = 30;  // seconds between plain lines
};

class Progress {
 public:
  explicit Progress(ProgressOptions options);
  ~Progress();  // erases the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, std::string_view text = "");
  void clear();   // erases the bar before a caller prints a line; the next update redraws it
  void finish();  // erases the bar and logs the units done and the time

 private:
  void draw();

  ProgressOptions options_;
  ProgressState state_;
  RateMeter meter_;
  double started_;
  double shown_at_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  bool finished_ = false;
};

}  // namespace diffuse
