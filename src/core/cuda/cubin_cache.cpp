#include "cubin_cache.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "diffuse/core/error.h"
#include "kernel_texts.h"
#include "src/core/log.h"
#include "src/core/sha256.h"

namespace diffuse::cuda {

static std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::filesystem::path cache_folder() {
  if (const std::string own = environment("DIFFUSE_CACHE_DIR"); !own.empty()) return own;
  if (const std::string xdg = environment("XDG_CACHE_HOME"); !xdg.empty())
    return std::filesystem::path(xdg) / "diffuse";
  if (const std::string home = environment("HOME"); !home.empty())
    return std::filesystem::path(home) / ".cache/diffuse";
  return {};
}

static std::string digest_of(const std::string& bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex_digest();
}

std::filesystem::path CubinCache::file_of(const Nvrtc& compiler, const KernelModule& module,
                                          int capability) const {
  Sha256 hash;
  const auto add = [&hash](const std::string& part) {
    hash.update(part);
    hash.update(std::string_view("\0", 1));
  };
  add(compiler.version());
  for (const std::string& option : Nvrtc::options(module.storage, capability)) add(option);
  add(module.text);
  for (const KernelText& text : kernel_texts()) add(text.text);
  return folder_ / "kernels" / (hash.hex_digest() + ".cubin");
}

// A file is the machine code's SHA-256 in 64 digits, a new line and the code.
static std::optional<std::string> read_cubin(const std::filesystem::path& file) {
  constexpr size_t kDigits = 64;
  std::ifstream in(file, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  if (all.size() <= kDigits + 1) return std::nullopt;
  std::string cubin = all.substr(kDigits + 1);
  if (digest_of(cubin) != all.substr(0, kDigits)) return std::nullopt;
  return cubin;
}

// By rename: other processes see no file or a whole one.
static void write_cubin(const std::filesystem::path& file, const std::string& cubin) {
  std::filesystem::create_directories(file.parent_path());
  const std::filesystem::path part = concat(file.string(), ".", getpid(), ".part");
  std::ofstream out(part, std::ios::binary);
  out << digest_of(cubin) << '\n' << cubin;
  out.close();
  std::error_code failure;
  if (out) std::filesystem::rename(part, file, failure);
  if (out && !failure) return;
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  throw Error(file.string(), ": cannot be written");
}

void CubinCache::write(const std::filesystem::path& file, const std::string& cubin) {
  try {
    write_cubin(file, cubin);
  } catch (const std::exception& error) {
    if (!warned_)
      log_warning(concat("GPU kernels are compiled anew in every run: ", error.what(),
                         "; set DIFFUSE_CACHE_DIR to a writable folder"));
    warned_ = true;
  }
}

std::string CubinCache::get(const Nvrtc& compiler, const KernelModule& module, int capability) {
  if (folder_.empty()) return compiler.compile(module, capability).cubin;
  const std::filesystem::path file = file_of(compiler, module, capability);
  if (std::optional<std::string> kept = read_cubin(file)) return *std::move(kept);
  std::string cubin = compiler.compile(module, capability).cubin;
  write(file, cubin);
  return cubin;
}

}  // namespace diffuse::cuda
