"""Network namespaces in which a test is root: machines on one network, with cables to pull. No root of the
system is wanted, no port of it is taken, and no process is left behind."""
import os
import subprocess
import sys
import time

FLAGS = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]


def enter():
    """Starts the script again in namespaces of its own; ends it with 77 where the system allows none."""
    if os.environ.get("DIFFUSE_NAMESPACES"):
        return
    reason = ""
    for user in ([], ["--user", "--map-current-user", "--keep-caps"]):
        unshare = ["unshare", *user, *FLAGS]
        try:
            probe = subprocess.run([*unshare, "ip", "link", "add", "probe", "type", "bridge"],
                                   capture_output=True, text=True)
        except FileNotFoundError as error:
            skip(str(error))
        if probe.returncode == 0:
            os.environ["DIFFUSE_NAMESPACES"] = "1"
            os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
        reason = probe.stderr.strip()
    skip(f"no namespaces here: {reason}")


def skip(reason):
    print(f"Skipped: {reason}")
    sys.exit(77)


def shell(commands):
    subprocess.run(["sh", "-ec", commands], check=True)


class Host:
    """A machine with one network card, on the bridge, and a name that, as on a plain Debian, is 127.0.1.1
    for itself and an address for the others."""

    def __init__(self, number, count, folder):
        self.name, self.address, self.port = f"host{number}", f"10.77.0.{number + 1}", f"port{number}"
        names = folder / f"{self.name}.hosts"
        names.write_text("127.0.0.1 localhost\n" + "".join(
            f"{'127.0.1.1' if k == number else f'10.77.0.{k + 1}'} host{k}\n" for k in range(count)))
        self.process = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "sleep", "infinity"])
        pid = self.process.pid
        while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net") or \
                os.readlink(f"/proc/{pid}/ns/uts") == os.readlink("/proc/self/ns/uts"):
            time.sleep(0.01)
        shell(f"""ip link add {self.port} type veth peer name eth0 netns {pid}
                  ip link set {self.port} master bridge up""")
        subprocess.run(self.command("sh", "-ec", f"""
            hostname {self.name}; mount --bind {names} /etc/hosts
            ip link set lo up; ip addr add {self.address}/24 dev eth0; ip link set eth0 up"""), check=True)

    def command(self, *words):
        """The command that runs another on this machine."""
        return ["nsenter", "-t", str(self.process.pid), "-n", "-m", "-u", "--", *words]

    def unplug(self):
        shell(f"ip link set {self.port} nomaster")

    def plug(self):
        shell(f"ip link set {self.port} master bridge")

    def impair(self, effects):
        """Impairs what is sent to this machine, "delay 20ms loss 1%" say; False where the kernel cannot."""
        command = ["tc", "qdisc", "add", "dev", self.port, "root", "netem", *effects.split()]
        return subprocess.run(command, capture_output=True).returncode == 0

    def repair(self):
        subprocess.run(["tc", "qdisc", "del", "dev", self.port, "root"], capture_output=True)


def hosts(count, folder):
    shell("ip link set lo up; ip link add bridge type bridge; ip link set bridge up")
    return [Host(number, count, folder) for number in range(count)]
