// Runs the threads of a CUDA block one after the other on one CPU thread, from barrier to barrier.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

namespace diffuse::shim {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

inline Index thread_index, block_index;

// Threads and blocks run in the order of their numbers, or the other way round: what depends on it lacks a barrier.
inline bool last_first = false;

inline unsigned in_turn(unsigned i, unsigned count) { return last_first ? count - 1 - i : i; }

// A block of threads as fibres. Threads that wait at the block's barrier go on when all that live do; lanes that
// wait in a warp's exchange go on when all of the warp's lanes do. Threads that can never go on are an error.
class Block {
 public:
  static constexpr unsigned kWarp = 32;

  // `fibres` false: the body meets no barrier, each thread runs through in one piece.
  void run(unsigned threads, bool fibres, const std::function<void()>& body) {
    current() = this;
    if (fibres) {
      run_fibres(threads, body);
    } else {
      for (unsigned i = 0; i < threads; ++i) {
        thread_index = {in_turn(i, threads), 0, 0};
        body();
      }
    }
    current() = nullptr;
  }

  void barrier() { wait(State::kAtBarrier); }

  float exchange(float value, unsigned lane) {
    const unsigned self = thread_index.x, warp = self / kWarp * kWarp;
    values_[self] = value;
    wait(State::kInWarp);
    const float other = values_[warp + lane];
    wait(State::kInWarp);  // nobody overwrites what another has still to read
    return other;
  }

  static Block*& current() {
    static Block* block = nullptr;
    return block;
  }

 private:
  enum class State { kReady, kAtBarrier, kInWarp, kDone };
  static constexpr size_t kStack = 64 << 10;

  // Goes from block to block. It is entered by its context once, and then left and entered by the jumps without
  // signal masks, which spare two system calls each.
  struct Fibre {
    ucontext_t context{};
    jmp_buf place{};
    std::vector<char> stack = std::vector<char>(kStack);
    State state = State::kReady;
    bool entered = false;
  };

  static void enter() {
    for (;;) {
      (*current()->body_)();
      current()->wait(State::kDone);
    }
  }

  void wait(State state) {
    if (body_ == nullptr)
      throw std::logic_error("a barrier in a kernel that was said to have none");
    Fibre& fibre = fibres_[thread_index.x];
    fibre.state = state;
    if (_setjmp(fibre.place) == 0) _longjmp(scheduler_, 1);
  }

  void run_fibres(unsigned threads, const std::function<void()>& body) {
    body_ = &body;
    fibres_.resize(std::max<size_t>(fibres_.size(), threads));
    values_.resize(fibres_.size());
    for (unsigned i = 0; i < threads; ++i) fibres_[i].state = State::kReady;
    try {
      while (step(threads)) {
      }
    } catch (...) {
      fibres_.clear();  // some are in the midst of it
      body_ = nullptr;
      throw;
    }
    body_ = nullptr;
  }

  void resume(Fibre& fibre) {
    if (_setjmp(scheduler_) != 0) return;
    if (fibre.entered) _longjmp(fibre.place, 1);
    fibre.entered = true;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.data();
    fibre.context.uc_stack.ss_size = fibre.stack.size();
    makecontext(&fibre.context, &Block::enter, 0);
    setcontext(&fibre.context);
  }

  // Runs each ready thread to its next stop, then releases whom it can. False: all are done.
  bool step(unsigned threads) {
    for (unsigned turn = 0; turn < threads; ++turn) {
      const unsigned i = in_turn(turn, threads);
      if (fibres_[i].state != State::kReady) continue;
      thread_index = {i, 0, 0};
      resume(fibres_[i]);
    }
    bool released = false;
    for (unsigned first = 0; first < threads; first += kWarp)
      released |= release(first, std::min(first + kWarp, threads), State::kInWarp);
    released |= release(0, threads, State::kAtBarrier);
    if (released) return true;
    for (unsigned i = 0; i < threads; ++i)
      if (fibres_[i].state != State::kDone) throw std::logic_error("threads wait for ever");
    return false;
  }

  bool release(unsigned first, unsigned last, State waiting) {
    unsigned count = 0, done = 0;
    for (unsigned i = first; i < last; ++i) {
      count += fibres_[i].state == waiting;
      done += fibres_[i].state == State::kDone;
    }
    if (count == 0 || count + done != last - first) return false;
    if (waiting == State::kInWarp && done > 0)
      throw std::logic_error("a warp's exchange without all of its lanes");
    for (unsigned i = first; i < last; ++i)
      if (fibres_[i].state == waiting) fibres_[i].state = State::kReady;
    return true;
  }

  jmp_buf scheduler_{};
  std::vector<Fibre> fibres_;
  std::vector<float> values_;
  const std::function<void()>* body_ = nullptr;
};

}  // namespace diffuse::shim
