#include "src/eval/eval_work.h"

#include <stdexcept>
#include <string>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/stop.h"
#include "src/distributed/work_queue.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"

namespace diffuse {

void end_if_stopped() {
  if (stop_requested()) throw std::runtime_error(concat("stopped by ", stop_reason()));
}

void measure_all(const std::vector<Measurement>& work, EvalReport& report,
                 const std::function<void()>& hand_out) {
  try {
    for (const Measurement& measure : work) measure(report);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    const bool found_some = report.json.size() > 1;  // besides the provenance
    report.json["error"] = text.substr(0, text.find('\n'));
    if (found_some) hand_out();
    throw;
  }
  hand_out();
}

void join_queue(const std::filesystem::path& folder, nlohmann::ordered_json provenance) {
  if (folder.empty()) return;
  provenance.erase("device");  // which may differ between processes
  const std::string text = json_text(provenance, 2) + "\n";
  std::filesystem::create_directories(folder);
  WorkQueue queue(folder / ".queue");
  queue.alone([&] {
    const std::filesystem::path file = folder / "evaluation.json";
    if (!std::filesystem::exists(file)) atomic_write(file, text);
    const InputFile stored(file);
    if (stored.read(0, stored.size()) != text)
      throw Error("--queue ", folder.string(), ": its evaluation.json is of another ",
                  "evaluation; name an empty folder");
  });
}

}  // namespace diffuse
