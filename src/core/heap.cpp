#include "src/core/heap.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <cstdlib>

namespace diffuse {

namespace {

constexpr size_t kAlignment = 64;  // bytes: a cache line, as LibTorch's kernels expect

std::atomic<uintptr_t> known_end;  // of the heap

// Asks for huge pages where the heap has grown: tensors of megabytes in pages of 4 KiB would have the processor
// look up addresses all the time.
void use_huge_pages() {
  const auto end = reinterpret_cast<uintptr_t>(sbrk(0));
  uintptr_t begin = known_end.load(std::memory_order_relaxed);
  if (end > begin && known_end.compare_exchange_strong(begin, end))
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // without it: slower
}

// Aligns blocks of malloc() itself. LibTorch's allocator uses posix_memalign(), which before glibc 2.38 does
// not reuse freed blocks of the same size: the heap of a training run grows to twice the memory in use.
class AlignedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = size == 0 ? nullptr : aligned(size);
    report(data, static_cast<int64_t>(size));
    return {data, data, &free_aligned, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_aligned; }

  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }

 private:
  struct Header {  // lies before the data
    void* block;
    size_t size;
  };

  static Header& header(void* data) { return static_cast<Header*>(data)[-1]; }

  static void report(void* data, int64_t change) {
    c10::reportMemoryUsageToProfiler(data, change, 0, 0, c10::Device(c10::kCPU));
  }

  static void* aligned(size_t size) {
    constexpr size_t kExtra = kAlignment + sizeof(Header);
    void* block = size > SIZE_MAX - kExtra ? nullptr : malloc(size + kExtra);
    TORCH_CHECK_WITH(OutOfMemoryError, block != nullptr, "cannot allocate ", size, " bytes");
    use_huge_pages();
    char* const end = static_cast<char*>(block) + kExtra;
    void* const data = end - reinterpret_cast<uintptr_t>(end) % kAlignment;
    header(data) = {block, size};
    return data;
  }

  static void free_aligned(void* data) {
    if (data == nullptr) return;
    const auto [block, size] = header(data);
    report(data, -static_cast<int64_t>(size));
    free(block);
  }
};

}  // namespace

int64_t machine_memory() { return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

void use_training_heap() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
  known_end = reinterpret_cast<uintptr_t>(sbrk(0));
  static auto* const allocator = new AlignedAllocator;  // tensors may outlive all else
  c10::SetCPUAllocator(allocator, /*priority=*/1);
}

}  // namespace diffuse
