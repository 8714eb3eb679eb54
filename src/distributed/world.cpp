#include "diffuse/distributed/world.h"

#include <ATen/ATen.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "world_parts.h"

namespace diffuse {

static c10::intrusive_ptr<c10d::Store> connect(const Launch& launch, bool serve, double timeout) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = serve;
  options.waitWorkers = false;
  options.timeout = milliseconds(timeout);
  try {
    return c10::make_intrusive<c10d::PrefixStore>(
        "diffuse/" + launch.attempt, c10::make_intrusive<c10d::TCPStore>(launch.host, options));
  } catch (const std::exception& failure) {
    const std::string place = concat(launch.host, ":", launch.port);
    if (serve)
      throw std::runtime_error(
          concat("rank 0 cannot listen at ", place, "; name a free port with MASTER_PORT"));
    throw std::runtime_error(concat("rank ", launch.rank, " of ", launch.size, " found nobody at ",
                                    place, " within ", format_duration(timeout),
                                    ", where rank 0 should be (MASTER_ADDR, MASTER_PORT)"));
  }
}

World::World() = default;

World::World(const Launch& launch, c10::Device device, double peer_timeout)
    : rank_(launch.rank), size_(launch.size) {
  if (size_ == 1) return;
  parts_ = std::make_unique<Parts>();
  parts_->store = connect(launch, rank_ == 0 && !launch.store_is_up, peer_timeout);
  meet(launch, peer_timeout);
  parts_->monitor =
      std::make_unique<Monitor>(connect(launch, false, peer_timeout), rank_, size_, peer_timeout);
  using Group = c10d::ProcessGroup;
  const auto gloo = make_gloo(parts_->store, launch, milliseconds(peer_timeout));
  parts_->group =
      c10::make_intrusive<Group>(parts_->store, static_cast<int>(rank_), static_cast<int>(size_));
  parts_->group->setBackend(c10::kCPU, Group::GLOO, gloo);
  parts_->group->setDefaultBackend(Group::GLOO);
  if (device.is_cuda())
    parts_->group->setBackend(c10::kCUDA, Group::NCCL,
                              make_nccl(parts_->store, launch, milliseconds(peer_timeout)));
  // From here on the monitor alone decides who has kept the others waiting for too long.
  constexpr Milliseconds kLongest = std::chrono::hours(24);
  parts_->group->setTimeout(kLongest);
  parts_->store->setTimeout(kLongest);
}

// Whether a rank's first beat has come; yes, too, where the store is gone and nobody knows.
static bool has_come(c10d::Store& store, int64_t rank) {
  try {
    return store.check({beat_key(rank)});
  } catch (const std::exception&) {
    return true;
  }
}

// Waits for the first beat of each, so that the missing can be named.
void World::meet(const Launch& launch, double timeout) {
  c10d::Store& store = *parts_->store;
  store.set(beat_key(rank_), Beat{}.text());
  std::vector<std::string> keys, missing;
  for (int64_t rank = 0; rank < size_; ++rank) keys.push_back(beat_key(rank));
  try {
    store.wait(keys, milliseconds(timeout));
  } catch (const std::exception&) {
    for (int64_t rank = 0; rank < size_; ++rank)
      if (!has_come(store, rank)) missing.push_back(std::to_string(rank));
    throw std::runtime_error(concat(
        "of ", size_, " processes, rank ", missing.empty() ? "?" : join(missing),
        " did not come to ", launch.host, ":", launch.port, " within ", format_duration(timeout)));
  }
}

// After an exception the others must hear of it; else they must all have come this far before rank 0
// takes the store away.
World::~World() {
  if (!parts_ || !parts_->monitor) return;
  if (std::uncaught_exceptions() > parts_->exceptions) {
    parts_->monitor->report_failure();
    return;
  }
  // Sums, as c10d's barrier() may touch the work before it when that is gone already.
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
  } catch (...) {
    parts_->monitor->await_verdict();
    throw;
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
  std::vector<at::Tensor> values;  // which autograd does not watch
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
    throw Error("rank ", rank_, " has another ", what, " than rank 0; start all with the same");
}

void World::phase(const char* name, int64_t step) {
  if (parts_) parts_->monitor->phase(name, step);
}

void World::progress() {
  if (parts_) parts_->monitor->progress();
}

}  // namespace diffuse
