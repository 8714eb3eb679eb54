// SHA-256, FIPS 180-4. Used to compare sets of weights.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

class Sha256 {
 public:
  void update(std::string_view bytes);
  std::string hex_digest();  // 64 digits; finishes the hash

 private:
  void process_block(const unsigned char* block);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending_{};
  uint64_t size_ = 0;  // bytes so far
};

}  // namespace diffuse
