#include "src/core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iomanip>

#include "diffuse/core/error.h"
#include "src/core/duration.h"
#include "src/core/log.h"

namespace diffuse {

static constexpr double kWindow = 30;        // seconds over which a rate is measured
static constexpr double kLeastTime = 0.05;   // seconds; a rate over less is no rate
static constexpr double kMarkEvery = 0.5;    // seconds
static constexpr double kRedrawEvery = 0.1;  // seconds

void RateMeter::add(double seconds, int64_t done) {
  latest_ = {seconds, done};
  if (marks_.empty() || seconds - marks_.back().seconds >= kMarkEvery) marks_.push_back(latest_);
  // The oldest mark stays until the next one is outside the window.
  while (marks_.size() > 2 && seconds - marks_[1].seconds >= kWindow) marks_.pop_front();
}

double RateMeter::rate() const {
  if (marks_.empty() || latest_.seconds - marks_.front().seconds < kLeastTime) return 0;
  return static_cast<double>(latest_.done - marks_.front().done) /
         (latest_.seconds - marks_.front().seconds);
}

// -- text --

// "12.3 steps/s", or for slow work "4.5 s/step".
static std::string rate_text(double rate, const std::string& unit) {
  const bool slow = rate < 1;
  const double value = slow ? 1 / rate : rate;
  const int digits = value < 100 ? 1 : 0;
  return concat(std::fixed, std::setprecision(digits), value,
                slow ? " s/" + unit : " " + unit + "s/s");
}

std::string format_progress(const ProgressState& state) {
  std::string line = std::to_string(state.done);
  if (state.total > 0) line += concat("/", state.total);
  line += " " + state.unit + "s";
  if (state.rate > 0) {
    line += ", " + rate_text(state.rate, state.unit);
    const auto left = static_cast<double>(state.total - state.done);
    if (left > 0) line += ", ETA " + format_duration(left / state.rate);
  }
  if (!state.text.empty()) line += ", " + state.text;
  return line;
}

std::string format_bar(const ProgressState& state, int width) {
  constexpr int kMinBar = 10, kMaxBar = 30;
  std::string line = format_progress(state);
  const auto room = static_cast<int64_t>(width) - static_cast<int64_t>(line.size()) - 3;
  if (state.total > 0 && room >= kMinBar) {
    const int64_t cells = std::min<int64_t>(room, kMaxBar);
    const double share =
        std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
    const auto full = static_cast<int64_t>(static_cast<double>(cells) * share);
    std::string bar(static_cast<size_t>(cells), ' ');
    std::fill_n(bar.begin(), full, '=');
    if (full < cells) bar[static_cast<size_t>(full)] = '>';
    line = "[" + bar + "] " + line;
  }
  return line.substr(0, static_cast<size_t>(std::max(width, 0)));
}

// -- the terminal --

// The bar moves the cursor but has no colours, so NO_COLOR does not affect it.
static bool stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) && term != nullptr && std::string_view(term) != "dumb";
}

static int terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

Progress::Progress(ProgressOptions options)
    : options_(std::move(options)),
      state_{.unit = options_.unit, .done = options_.start, .total = options_.total},
      started_(seconds_now()),
      shown_at_(started_),
      quiet_(log_level() > LogLevel::kInfo),
      terminal_(stderr_is_terminal()) {
  if (terminal_) shown_at_ -= kRedrawEvery;  // the first update draws the bar
  meter_.add(started_, options_.start);
}

Progress::~Progress() { clear(); }

void Progress::update(int64_t done, std::string_view text) {
  const double time = seconds_now();
  meter_.add(time, done);
  state_.done = done;
  state_.text = text;
  if (quiet_ || time - shown_at_ < (terminal_ ? kRedrawEvery : options_.interval)) return;
  shown_at_ = time;
  state_.rate = meter_.rate();
  draw();
}

void Progress::draw() {
  if (!terminal_) {
    log_info(format_progress(state_));
    return;
  }
  // One column short of the width: a full line would wrap on some terminals.
  const std::string line = format_bar(state_, terminal_width() - 1);
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

void Progress::finish() {
  clear();
  if (quiet_ || finished_) return;
  finished_ = true;
  const double seconds = seconds_now() - started_;
  const int64_t done = state_.done - options_.start;
  std::string line = concat(done, " ", state_.unit, "s in ", format_duration(seconds));
  if (done > 0 && seconds >= kLeastTime)
    line += " (" + rate_text(static_cast<double>(done) / seconds, state_.unit) + ")";
  if (!state_.text.empty()) line += ", " + state_.text;
  log_info(line);
}

}  // namespace diffuse
