#include "diffuse/distributed/world.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "diffuse/core/error.h"
#include "meeting.h"
#include "reason.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "world_parts.h"

namespace diffuse {

World::World() = default;

World::World(const Launch& launch, c10::Device device, double peer_timeout)
    : rank_(launch.rank), size_(launch.size) {
  if (!launch.note.empty()) log_warning(launch.note);
  if (size_ == 1) return;
  parts_ = std::make_unique<Parts>();
  const double begin = seconds_now();
  const Meeting meeting = meet(launch, peer_timeout);
  parts_->store = meeting.store;
  parts_->monitor = std::make_unique<Monitor>(meeting.monitor_store, rank_, size_, peer_timeout);
  const double left = peer_timeout - (seconds_now() - begin);
  const double patience = std::max(left, seconds_until_dead(peer_timeout));
  try {
    connect(launch, device, meeting.address, patience);
  } catch (const std::exception&) {
    parts_->monitor->report_failure();
    throw;
  }
}

void World::connect(const Launch& launch, c10::Device device, const std::string& address,
                    double timeout) {
  using Group = c10d::ProcessGroup;
  const auto gloo = make_gloo(parts_->store, launch, address, milliseconds(timeout));
  parts_->group =
      c10::make_intrusive<Group>(parts_->store, static_cast<int>(rank_), static_cast<int>(size_));
  parts_->group->setBackend(c10::kCPU, Group::GLOO, gloo);
  parts_->group->setDefaultBackend(Group::GLOO);
  if (device.is_cuda())
    parts_->group->setBackend(c10::kCUDA, Group::NCCL,
                              make_nccl(parts_->store, launch, milliseconds(timeout)));
  // From here on only the monitor decides which rank has delayed the others for too long.
  constexpr Milliseconds kLongest = std::chrono::hours(24);
  parts_->group->setTimeout(kLongest);
  parts_->store->setTimeout(kLongest);
}

// After an exception the others must be told; else all must reach this point before rank 0 closes the store.
World::~World() {
  if (!parts_ || !parts_->monitor) return;
  if (std::uncaught_exceptions() > parts_->exceptions) {
    parts_->monitor->report_failure();
    return;
  }
  // All-reduces, as c10d's barrier() may access earlier work that no longer exists.
  std::vector<at::Tensor> nothing{at::zeros({1})};
  try {
    sum(nothing[0]);  // rank 0 may still be saving
    parts_->monitor->finish();
    parts_->group->setTimeout(std::chrono::seconds(10));
    parts_->group->allreduce(nothing)->wait();
  } catch (const std::exception&) {  // the others have ended already
  }
}

Share World::share(int64_t count) const {
  return {count * rank_ / size_, count * (rank_ + 1) / size_};
}

void World::collective(const std::function<void()>& wait) {
  const double begin = seconds_now();
  parts_->monitor->begin_collective();
  try {
    wait();
  } catch (const std::exception& error) {
    parts_->monitor->await_verdict();
    throw std::runtime_error("the connection to the other processes failed: " + reason_of(error));
  }
  parts_->monitor->end_collective();
  wait_seconds_ += seconds_now() - begin;
}

void World::sum(at::Tensor tensor) {
  if (size_ == 1) return;
  std::vector<at::Tensor> tensors{std::move(tensor)};
  collective([&] { parts_->group->allreduce(tensors)->wait(); });
}

at::Tensor World::gather_rows(const at::Tensor& own, int64_t count) {
  if (size_ == 1) return own;
  std::vector<int64_t> shape = own.sizes().vec();
  shape[0] = count;
  const at::Tensor all = at::zeros(shape, own.options());
  const Share rows = share(count);
  all.slice(0, rows.begin, rows.end).copy_(own);
  sum(all);  // each row is added to zeros: exact
  return all;
}

void World::broadcast(const std::vector<at::Tensor>& tensors, int64_t root) {
  if (size_ == 1 || tensors.empty()) return;
  std::vector<at::Tensor> values;  // not tracked by autograd
  for (const at::Tensor& tensor : tensors) values.push_back(tensor.detach());
  collective([&] {
    c10d::broadcast_coalesced(parts_->group, values, c10d::kDefaultBucketBytesCap,
                              static_cast<int>(root));
  });
}

std::function<int64_t()> World::start_max(const std::function<int64_t()>& value) {
  if (size_ == 1) return value;
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  std::vector<at::Tensor> tensors{at::full({1}, value(), at::kLong)};
  const auto work = parts_->group->allreduce(tensors, options);
  return [this, work, tensors] {
    collective([&] { work->wait(); });
    return tensors[0].item<int64_t>();
  };
}

void World::check_same(const std::string& what, const std::string& text) {
  if (size_ == 1) return;
  if (rank_ == 0) parts_->store->set(what, text);
  if (parts_->store->get_to_str(what) != text)
    throw Error("rank ", rank_, " has a different ", what,
                " from rank 0's; start all with the same");
}

void World::phase(const char* name, int64_t step) {
  if (parts_) parts_->monitor->phase(name, step);
}

void World::progress() {
  if (parts_) parts_->monitor->progress();
}

}  // namespace diffuse
