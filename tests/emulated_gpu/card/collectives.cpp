// NCCL between processes of one machine, as far as LibTorch's process group calls it: through memory that they share.
#include <fcntl.h>
#include <nccl.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "device.h"

using namespace diffuse::emulated;

namespace {

constexpr size_t kMost = size_t{1} << 28;  // bytes of a rank in one call

// At the beginning of the shared memory; the ranks' bytes follow.
struct Meeting {
  std::atomic<int> arrived, round;
};

size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 4;
  }
}

// The upper half of a float, rounded to the nearest.
struct Bfloat16 {
  uint16_t bits;
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
  Bfloat16(float x) : bits(static_cast<uint16_t>((std::bit_cast<uint32_t>(x) + 0x8000u) >> 16)) {}
};

template <class T>
void combine(void* to, const char* more_bytes, size_t count, ncclRedOp_t op) {
  auto* const all = static_cast<T*>(to);
  const auto* const more = reinterpret_cast<const T*>(more_bytes);
  for (size_t i = 0; i < count; ++i)
    all[i] = op == ncclMax   ? std::max(all[i], more[i])
             : op == ncclMin ? std::min(all[i], more[i])
                             : static_cast<T>(all[i] + more[i]);
}

}  // namespace

struct ncclComm {
  std::string name;
  int rank, size;
  Meeting* meeting;

  char* bytes_of(int other) const {
    return reinterpret_cast<char*>(meeting) + 4096 + static_cast<size_t>(other) * kMost;
  }

  void meet() const {
    const int round = meeting->round;
    if (++meeting->arrived == size) {
      meeting->arrived = 0;
      ++meeting->round;
    }
    for (const time_t since = time(nullptr); meeting->round == round; sched_yield())
      if (time(nullptr) > since + 60) _exit(3);  // the other has died
  }
};

static ncclResult_t started(cudaStream_t stream, const char* name, size_t bytes,
                            std::function<void()> run) {
  if (bytes > kMost) return ncclInvalidArgument;
  return queue(stream, {std::string("nccl ") + name + " " + std::to_string(bytes),
                        std::move(run)}) == cudaSuccess
             ? ncclSuccess
             : ncclUnhandledCudaError;
}

extern "C" {

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::snprintf(id->internal, sizeof id->internal, "/diffuse-emulated-nccl-%d-%ld", getpid(),
                static_cast<long>(time(nullptr)));
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* made, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t*) {
  const int file = shm_open(id.internal, O_RDWR | O_CREAT, 0600);
  if (file < 0) return ncclSystemError;
  const size_t bytes = 4096 + static_cast<size_t>(size) * kMost;
  void* const memory = ftruncate(file, static_cast<off_t>(bytes)) == 0
                           ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                           : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return ncclSystemError;
  *made = new ncclComm{id.internal, rank, size, static_cast<Meeting*>(memory)};
  (*made)->meet();
  if (rank == 0) shm_unlink(id.internal);
  return ncclSuccess;
}
ncclResult_t ncclCommInitRank(ncclComm_t* made, int size, ncclUniqueId id, int rank) {
  return ncclCommInitRankConfig(made, size, id, rank, nullptr);
}
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  const auto add = type == ncclFloat      ? combine<float>
                   : type == ncclDouble   ? combine<double>
                   : type == ncclInt64    ? combine<int64_t>
                   : type == ncclBfloat16 ? combine<Bfloat16>
                                          : nullptr;
  if (add == nullptr || (op != ncclSum && op != ncclMax && op != ncclMin))
    return ncclInvalidArgument;
  const size_t bytes = count * size_of(type);
  return started(stream, "all-reduce", bytes, [=] {
    std::memcpy(comm->bytes_of(comm->rank), from, bytes);
    comm->meet();
    std::memcpy(to, comm->bytes_of(0), bytes);
    for (int other = 1; other < comm->size; ++other) add(to, comm->bytes_of(other), count, op);
    comm->meet();
  });
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = count * size_of(type);
  return started(stream, "broadcast", bytes, [=] {
    if (comm->rank == root) std::memcpy(comm->bytes_of(root), from, bytes);
    comm->meet();
    std::memcpy(to, comm->bytes_of(root), bytes);
    comm->meet();
  });
}
ncclResult_t ncclBcast(void* buffer, size_t count, ncclDataType_t type, int root, ncclComm_t comm,
                       cudaStream_t stream) {
  return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}
ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = count * size_of(type);
  return started(stream, "all-gather", bytes, [=] {
    std::memcpy(comm->bytes_of(comm->rank), from, bytes);
    comm->meet();
    for (int other = 0; other < comm->size; ++other)
      std::memcpy(static_cast<char*>(to) + static_cast<size_t>(other) * bytes,
                  comm->bytes_of(other), bytes);
    comm->meet();
  });
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* error) {
  *error = ncclSuccess;
  return ncclSuccess;
}
ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  *count = comm->size;
  return ncclSuccess;
}
ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  *rank = comm->rank;
  return ncclSuccess;
}
ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t) { return "emulated error of NCCL"; }
const char* ncclGetLastError(ncclComm_t) { return ""; }

}  // extern "C"
