#include "diffuse/distributed/launch.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>

#include "diffuse/core/error.h"
#include "src/core/whole_number.h"

namespace diffuse {

static std::string text_of(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

static std::optional<int64_t> find_number(const char* variable) {
  const std::string text = text_of(variable);
  if (text.empty()) return std::nullopt;
  const auto number = parse_integer(text);
  if (!number || *number < 0)
    throw Error("environment variable ", variable, ": expected a whole number, got \"", text, "\"");
  return number;
}

static int64_t number(const char* variable) {
  if (const auto found = find_number(variable)) return *found;
  throw Error("environment variable ", variable, " is not set, but the launcher's others are");
}

// A port on which the processes of one job agree and that two jobs rarely share.
static uint16_t port_of_job(const std::string& job) {
  return static_cast<uint16_t>(20000 + std::hash<std::string>{}(job) % 20000);
}

static Launch from_torchrun() {
  Launch launch{.rank = number("RANK"),
                .size = number("WORLD_SIZE"),
                .local_rank = find_number("LOCAL_RANK").value_or(0),
                .local_size = find_number("LOCAL_WORLD_SIZE").value_or(0)};
  launch.attempt = text_of("TORCHELASTIC_RUN_ID") + "." + text_of("TORCHELASTIC_RESTART_COUNT");
  launch.store_is_up = text_of("TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.advice =
      concat("WORLD_SIZE says ", launch.size, " processes: start all, or ", "unset WORLD_SIZE");
  return launch;
}

static Launch alone(const std::string& note) {
  Launch launch;
  launch.note = note + ": this process runs alone";
  return launch;
}

static Launch from_open_mpi() {
  Launch launch{.rank = number("OMPI_COMM_WORLD_RANK"),
                .size = number("OMPI_COMM_WORLD_SIZE"),
                .local_rank = number("OMPI_COMM_WORLD_LOCAL_RANK"),
                .local_size = find_number("OMPI_COMM_WORLD_LOCAL_SIZE").value_or(0)};
  if (launch.local_size == launch.size) launch.host = "127.0.0.1";
  launch.port = port_of_job(text_of("PMIX_NAMESPACE") + text_of("OMPI_MCA_ess_base_jobid"));
  launch.advice = concat("Open MPI says ", launch.size, " processes: start all, ",
                         "or unset OMPI_COMM_WORLD_SIZE");
  return launch;
}

// The shells of sbatch and salloc are steps too, with numbers near 2^32.
static bool is_started_by_srun() {
  const auto step = parse_unsigned(text_of("SLURM_STEP_ID"));
  return step && *step < 0xfffffff0;
}

// On this node, in this step. Variables set by hand may be inconsistent, and are then ignored.
static int64_t local_tasks(const Launch& launch) {
  const std::string of_step = text_of("SLURM_STEP_TASKS_PER_NODE");
  const int64_t tasks = tasks_on_node(of_step.empty() ? text_of("SLURM_TASKS_PER_NODE") : of_step,
                                      find_number("SLURM_NODEID").value_or(0));
  return tasks <= launch.size && launch.local_rank < tasks ? tasks : 0;
}

// From 22.05 on, srun does not inherit --cpus-per-task, but its variable is set.
static int64_t cores_of_task(int64_t local_size) {
  if (const int64_t cores = find_number("SLURM_CPUS_PER_TASK").value_or(0); cores > 0) return cores;
  const int64_t cores = find_number("SLURM_CPUS_ON_NODE").value_or(0);
  return cores == 0 || local_size == 0 ? 0 : std::max<int64_t>(cores / local_size, 1);
}

static Launch from_slurm() {
  Launch launch{.rank = number("SLURM_PROCID"), .size = number("SLURM_NTASKS")};
  if (launch.size > 1 && find_number("SLURM_STEP_NUM_TASKS") == 1)
    return alone(
        concat("SLURM says ", launch.size, " tasks, but 1 in this step (srun starts all)"));
  if (launch.size > 1) launch.local_rank = number("SLURM_LOCALID");
  launch.local_size = local_tasks(launch);
  launch.cores = cores_of_task(launch.local_size);
  const std::string step_hosts = text_of("SLURM_STEP_NODELIST");
  launch.host = first_host(step_hosts.empty() ? text_of("SLURM_JOB_NODELIST") : step_hosts);
  launch.attempt = text_of("SLURM_STEP_ID") + "." + text_of("SLURM_RESTART_COUNT");
  launch.port = port_of_job(text_of("SLURM_JOB_ID") + "." + launch.attempt);
  launch.by_hand = !is_started_by_srun();
  launch.advice = concat("SLURM says ", launch.size, " tasks",
                         launch.by_hand ? ": start with srun or unset SLURM_NTASKS" : "");
  return launch;
}

// Variables that name several processes, but not this one's rank, or not in a form known here.
static Launch without_launcher() {
  if (parse_integer(text_of("WORLD_SIZE")).value_or(1) > 1)
    return alone("WORLD_SIZE says " + text_of("WORLD_SIZE") + " processes, but RANK is not set");
  if (parse_integer(text_of("PMI_SIZE")).value_or(1) > 1)
    return alone("PMI_SIZE says " + text_of("PMI_SIZE") +
                 " processes, but RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are not set");
  return {};
}

static Launch found_launch() {
  const auto is_set = [](const char* variable) { return !text_of(variable).empty(); };
  if (is_set("RANK") && is_set("WORLD_SIZE")) return from_torchrun();
  if (is_set("OMPI_COMM_WORLD_SIZE")) return from_open_mpi();
  if (is_set("SLURM_PROCID") && is_set("SLURM_NTASKS")) return from_slurm();
  return without_launcher();
}

static void check_numbers(const Launch& launch) {
  constexpr int64_t kMostProcesses = 1'000'000;
  if (launch.size < 1 || launch.rank >= launch.size)
    throw Error("the launcher's environment: rank ", launch.rank, " of ", launch.size,
                " processes; expected a rank from 0 to one less than their number");
  if (launch.size > kMostProcesses)
    throw Error("the launcher's environment: ", launch.size, " processes; expected at most ",
                kMostProcesses);
  if (launch.local_size > launch.size)
    throw Error("the launcher's environment: ", launch.local_size, " of ", launch.size,
                " processes on this machine; expected at most all of them");
  if (launch.local_size > 0 && launch.local_rank >= launch.local_size)
    throw Error("the launcher's environment: local rank ", launch.local_rank, " of ",
                launch.local_size,
                " processes on this machine; expected one from 0 to one less than their number");
}

Launch launch_from_environment() {
  Launch launch = found_launch();
  check_numbers(launch);
  if (launch.size == 1) return launch;
  if (const std::string host = text_of("MASTER_ADDR"); !host.empty()) launch.host = host;
  if (const auto port = find_number("MASTER_PORT")) {
    if (*port < 1 || *port > 65535)
      throw Error("environment variable MASTER_PORT: expected 1 to 65535, got ", *port);
    launch.port = static_cast<uint16_t>(*port);
  }
  if (launch.host.empty() || launch.port == 0)
    throw Error("environment variable ", launch.host.empty() ? "MASTER_ADDR" : "MASTER_PORT",
                ": not set; it says where rank 0 of the ", launch.size, " processes listens");
  return launch;
}

int64_t core_share(const Launch& launch, int64_t available) {
  if (launch.cores > 0) return std::min(launch.cores, available);
  return std::max<int64_t>(available / std::max<int64_t>(launch.local_size, 1), 1);
}

int64_t tasks_on_node(std::string_view tasks_per_node, int64_t node) {
  for (size_t begin = 0; begin < tasks_per_node.size();) {
    const size_t end = std::min(tasks_per_node.find(',', begin), tasks_per_node.size());
    std::string_view item = tasks_per_node.substr(begin, end - begin);  // "2" or "2(x3)"
    int64_t nodes = 1;
    if (const size_t times = item.find("(x"); times != std::string_view::npos) {
      const std::string_view count = item.substr(times + 2, item.size() - times - 3);
      nodes = parse_integer(std::string(count)).value_or(0);
      item = item.substr(0, times);
    }
    if (node < nodes) return std::max<int64_t>(parse_integer(std::string(item)).value_or(0), 0);
    node -= nodes;
    begin = end + 1;
  }
  return 0;
}

std::string first_host(std::string_view node_list) {
  const size_t end = node_list.find_first_of("[,");
  std::string host(node_list.substr(0, end));
  if (end == std::string_view::npos || node_list[end] == ',') return host;
  const size_t close = node_list.find(']', end);
  host += node_list.substr(end + 1, node_list.find_first_of(",-]", end) - end - 1);
  // Text after the brackets belongs to the name: "r[1-2]n[3-4].cluster".
  if (close == std::string_view::npos || close + 1 == node_list.size()) return host;
  return host + first_host(node_list.substr(close + 1));
}

}  // namespace diffuse
