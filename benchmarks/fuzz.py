#!/usr/bin/env python3
"""Builds the fuzzer (clang's libFuzzer with the address and undefined-behaviour sanitizers), runs it on each
reader of external files, and prints counts and findings.

    benchmarks/fuzz.py [--minutes 1] [--jobs 2] [--work build/fuzz/work] [READER...]

Failing inputs are saved in WORK as READER-crash-..., -oom-... or -timeout-...; copied to
tests/fuzz/corpus/READER they become a test.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests/fuzz/corpus"
PROGRAM = ROOT / "build/fuzz/tests/fuzz/fuzz"
# A reader may use a small multiple of its input, and a few times the data sets' limit of 16 MB.
LIMITS = ["-timeout=20", "-report_slow_units=20", "-malloc_limit_mb=128", "-rss_limit_mb=1024"]
# Compression can expand 1/1032 of a bit, or less, to a pixel of 4 bytes. Other readers: 16 KiB.
MAX_BYTES = dict.fromkeys(["png", "jpeg", "webp", "tiff", "gif"], 4096)


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(reader, minutes, work):
    """Runs one process after another until the time is used up: each ends at its first finding."""
    corpus, log = work / reader, work / f"{reader}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [PROGRAM, f"--reader={reader}", f"-max_len={MAX_BYTES.get(reader, 16384)}", *LIMITS,
               "-print_final_stats=1",
               f"-artifact_prefix={work}/{reader}-", corpus, CORPUS / reader, ROOT / "tests/fixtures"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "UBSAN_OPTIONS": "print_stacktrace=1",
                                "ASAN_OPTIONS": "quarantine_size_mb=32"}
    executions = edges = 0
    spent = 0.0
    while spent < 60 * minutes:
        with open(log, "w") as out:
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=environment)
            begin = used = spent
            while process.poll() is None:
                used = max(used, begin + cpu_seconds(process))
                if used >= 60 * minutes:
                    process.send_signal(signal.SIGUSR1)  # it prints its figures and ends
                time.sleep(0.5)
        spent = max(used, begin + 1)
        text = log.read_text(errors="replace")
        executions += int((re.findall(r"number_of_executed_units: (\d+)", text) or ["0"])[-1])
        edges = max([edges, *map(int, re.findall(r"cov: (\d+)", text))])
        if "executed_units" not in text:
            raise SystemExit(f"{log}: the fuzzer did not run\n{text[-2000:]}")
    found = len(list(work.glob(f"{reader}-*-*")))
    print(f"| {reader} | {executions:,} | {spent / 60:.1f} | {executions / spent:,.0f} | {edges:,} | "
          f"{len(list(corpus.iterdir())):,} | {found} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, help="CPU-minutes a reader")
    parser.add_argument("--jobs", type=int, default=2, help="readers at once")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/fuzz/work")
    parser.add_argument("readers", nargs="*", default=sorted(p.name for p in CORPUS.iterdir()))
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "fuzz", "--target", "fuzz"], cwd=ROOT, check=True)
    print("| reader | executions | CPU-minutes | executions a CPU-second | edges | inputs kept | findings |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = [pool.submit(fuzz, reader, arguments.minutes, arguments.work.absolute())
                for reader in arguments.readers]
        for run in runs:
            run.result()


if __name__ == "__main__":
    main()
