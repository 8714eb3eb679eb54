"""A real SLURM of two nodes, n1 and n2, inside the namespaces of namespaces.enter(): controller and both
slurmd are processes of the test. Wants Debian's slurmctld, slurmd and slurm-client; no munge."""
import getpass
import os
import pathlib
import shutil
import subprocess
import time

import namespaces

CONFIG = """
ClusterName=test
SlurmctldHost=n1
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmdTimeout=5
KillWait=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=1,batch_sched_delay=0
GresTypes=gpu
NodeName=n1 NodeHostname=n1 NodeAddr=10.77.7.1 Port=6918 CPUs=64 Gres=gpu:8 State=UNKNOWN
NodeName=n2 NodeHostname=n1 NodeAddr=10.77.7.2 Port=6919 CPUs=64 Gres=gpu:8 State=UNKNOWN
PartitionName=low Nodes=n[1-2] Default=YES PriorityTier=1 State=UP
PartitionName=high Nodes=n[1-2] PriorityTier=9 PreemptMode=OFF State=UP
"""


class Nodes:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        for program in ("slurmctld", "slurmd", "sbatch", "ip"):
            if shutil.which(program) is None:
                namespaces.skip(f"no {program}")
        for name in ("state", "spool.n1", "spool.n2"):
            (self.folder / name).mkdir()
        config = CONFIG.format(user=getpass.getuser(), folder=self.folder)
        (self.folder / "slurm.conf").write_text(config)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-7]\n")
        for number in range(8):
            (self.folder / f"gpu{number}").touch()
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n10.77.7.1 n1\n10.77.7.2 n2\n")
        # Where there is no address beside the loopback's, SLURM resolves nothing.
        namespaces.shell(f"""hostname n1; mount --bind {self.folder}/hosts /etc/hosts; ip link set lo up
            ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up
            ip addr add 10.77.7.1/24 dev eth0; ip addr add 10.77.7.2/24 dev eth0
            slurmctld; slurmd -N n1; slurmd -N n2""")
        if not self.becomes("2", "sinfo", "-h", "-p", "low", "-t", "idle", "-o", "%D"):
            raise RuntimeError((self.folder / "slurmctld.log").read_text())

    @staticmethod
    def ask(*command):
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def becomes(self, wanted, *command, timeout=60):
        """Whether a command of SLURM says what is wanted within a time."""
        deadline = time.monotonic() + timeout
        while (said := self.ask(*command)) != wanted:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def submit(self, *words, **variables):
        """The job's number; what it writes is in output(number)."""
        job = subprocess.run(["sbatch", "--parsable", "-o", str(self.folder / "%A.out"), *map(str, words)],
                             capture_output=True, text=True, env={**os.environ, **variables})
        assert job.returncode == 0, job.stderr
        return job.stdout.strip()

    def output(self, job):
        path = self.folder / f"{job}.out"
        return path.read_text() if path.exists() else ""

    def state(self, job):
        return self.ask("squeue", "-h", "-t", "all", "-j", job, "-o", "%T")

    def restarts(self, job):
        said = self.ask("scontrol", "show", "job", job)
        return int(said.split("Restarts=")[1].split()[0])

    def kill(self, node):
        """Takes a node's daemon and all processes of its jobs away, as when its power fails."""
        pids = [(self.folder / f"slurmd.{node}.pid").read_text().strip()]
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                variables = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"SLURMD_NODENAME={node}".encode() in variables:
                pids.append(process.name)
        subprocess.run(["kill", "-9", *pids], check=True)

    def revive(self, node):
        subprocess.run(["slurmd", "-N", node], check=True)
