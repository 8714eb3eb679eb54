// How long a waiting thread of libgomp, under LibTorch and our own loops, keeps its core busy.
//
// By its default, milliseconds, in which other programs on the same cores have to wait, and with them the thread that
// it waits for. A tenth of a millisecond costs nothing where the cores are free. The library reads its settings as it is
// loaded, so the program adds this one to its environment and starts anew, before libraries are initialised: 3 ms.
#include <alloca.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstddef>
#include <string_view>

namespace diffuse::cli {
namespace {

char setting[] = "GOMP_SPINCOUNT=3000";  // rounds: 50 to 150 microseconds

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void set_wait_policy(int, char** arguments, char** environment) {
  size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    const std::string_view variable = environment[count];
    if (variable.starts_with("GOMP_SPINCOUNT=") || variable.starts_with("OMP_WAIT_POLICY="))
      return;  // the user's
  }
  char program[4096];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0 || arguments[0] == nullptr || getauxval(AT_SECURE) != 0) return;
  program[length] = '\0';
  if (file_name(program) != file_name(arguments[0])) return;  // started by a loader
  auto** const more = static_cast<char**>(alloca((count + 2) * sizeof(char*)));
  more[0] = setting;
  for (size_t i = 0; i <= count; ++i) more[i + 1] = environment[i];
  execve(program, arguments, more);  // where it cannot, the default remains
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const before_libraries)(int, char**, char**) = set_wait_policy;

}  // namespace
}  // namespace diffuse::cli
