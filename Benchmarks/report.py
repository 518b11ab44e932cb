"""Writes BENCHMARKS.md and its plots from the results of Benchmarks/run.

    report.py RESULTS NOTES FIGURES FOLDER

RESULTS has a line for each run, with tabs: round, server, requests/s, answers other than 2xx, socket errors, p50 and p99
in ms, CPU microseconds per request. FIGURES has a line for each other figure, with tabs: name, value, how it was
measured. Files beside it whose names end in .output have the output of other scripts, with the command in the first line.

The sections "What remains, and why" and "What did not help" are written by hand, in Benchmarks/remaining.md.
"""

import glob
import os
import platform
import statistics
import subprocess
import sys

DESCRIPTIONS = {
    "relay": "the release build; every webhook is durable before its 200",
    "echo": "bare evhttp in C (`Benchmarks/echo.c`): reads the body, stores nothing",
    "durable": "the same durability in C (`Benchmarks/durable.c`): evhttp, SQLite with group commit on a second thread",
    "flask": "the usual adapter (`Benchmarks/adapter.py`), Flask under gunicorn -w 4: posts each alert before it answers",
    "irc-relay": "Debian's alertmanager-irc-relay, in Go: queues alerts in memory and drops those beyond its queue",
}

STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.bar { fill: #0969da } .other { fill: #8c959f } .axis { stroke: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #58a6ff } .other { fill: #6e7681 } .axis { stroke: #6e7681 }
}
</style>"""


def command(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def read(path):
    servers = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            fields = line.split("\t")
            if len(fields) >= 8:
                servers.setdefault(fields[1], []).append([float(field) for field in fields[2:8]])
    if not servers:
        sys.exit("report.py: there are no results")
    return servers


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def plot(path, title, values, unit):
    """A bar for each server; each value is (name, value)."""
    width, bar, left, right = 720, 26, 90, 110
    height = 44 + len(values) * (bar + 8)
    most = max(value for _, value in values) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" aria-label="{title}">',
        STYLE,
        f'<text x="{left}" y="20" font-weight="600">{title}</text>',
        f'<line class="axis" x1="{left}" y1="32" x2="{left}" y2="{height - 4}"/>',
    ]
    for row, (name, value) in enumerate(values):
        top = 36 + row * (bar + 8)
        length = max(1, (width - left - right) * value / most)
        kind = "bar" if name == "relay" else "other"
        parts.append(f'<text x="{left - 8}" y="{top + 18}" text-anchor="end">{name}</text>')
        parts.append(f'<rect class="{kind}" x="{left}" y="{top}" width="{length:.0f}" height="{bar}"/>')
        parts.append(f'<text x="{left + length + 8:.0f}" y="{top + 18}">{value:,.4g} {unit}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n</svg>\n")


def others(figures):
    """The figures without a load of webhooks, and the output of other scripts."""
    text = []
    with open(figures, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.count("\t") == 2]
    if rows:
        text += ["## Start, memory, time to the room\n", "`Benchmarks/figures` measures these.\n",
                 table(["figure", "value", "how"], rows)]
    for path in sorted(glob.glob(os.path.join(os.path.dirname(figures), "*.output"))):
        with open(path, encoding="utf-8") as file:
            called, _, output = file.read().partition("\n")
        text += [f"## `{called}`\n", f"```text\n{output.strip()}\n```\n"]
    return text


def machine():
    model = command("sh", "-c", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")
    system = command("sh", "-c", ". /etc/os-release; echo \"$PRETTY_NAME\"")
    memory = command("sh", "-c", "awk '/MemTotal/ { printf \"%.0f GiB\", $2 / 1048576 }' /proc/meminfo")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        ("machine", f"{os.cpu_count()} × {model or platform.machine()}, {memory}"),
        ("system", f"{system}, Linux {platform.release()}, spool on {os.environ.get('BENCH_DISK', '')}"),
        ("load average at the end", load),
        ("date", command("date", "--utc", "+%Y-%m-%d")),
    ]


def versions(program):
    packages = "gunicorn python3-flask alertmanager-irc-relay libevent-2.1-7 libsqlite3-0 wrk".split()
    rows = [("relay", command(program, "--version").replace("\n", ", "))]
    for package in packages:
        version = command("dpkg-query", "--show", "--showformat=${Version}", package)
        if version:
            rows.append((package, version))
    return rows


def main():
    results, notes, figures, folder = sys.argv[1:5]
    servers = read(results)
    os.makedirs(f"{folder}/benchmarks", exist_ok=True)
    medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in servers.items()}
    rows = []
    for name, (rate, _, _, p50, p99, cpu) in medians.items():
        failed = sum(run[1] + run[2] for run in servers[name])
        rates = [run[0] for run in servers[name]]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        rows.append([name, f"{rate:,.0f}", spread, f"{p50:.2f}", f"{p99:.2f}", f"{cpu:.1f}", f"{failed:.0f}"])
    ratios = []
    for name in servers:
        if name == "relay" or "relay" not in servers:
            continue
        # Each round's runs follow each other, so a ratio is taken within a round.
        pairs = [relay[0] / other[0] for relay, other in zip(servers["relay"], servers[name])]
        each = ", ".join(f"{pair:.3g}" for pair in pairs)
        ratios.append([name, f"{statistics.median(pairs):.3g}", each])
    with open(notes, encoding="utf-8") as file:
        remarks = [line.strip() for line in file if line.strip()]
    environment = os.environ
    rounds = len(next(iter(servers.values())))
    text = [
        "# Benchmarks\n",
        f"`make bench` writes this document. It loads each server with wrk over {environment['BENCH_CONNECTIONS']} "
        f"connections for {environment['BENCH_SECONDS']} s, in turn,\n{rounds} times. The body is "
        "`Tests/Fixtures/two-alerts.json`, with other alerts each time. The figures are medians.\n",
        "![requests per second](benchmarks/requests.svg)\n",
        "![latency](benchmarks/latency.svg)\n",
        table(["server", "requests/s", "lowest to highest", "p50 ms", "p99 ms", "CPU µs a request", "failed"], rows),
    ]
    if ratios:
        text += ["The relay's requests/s, divided by the other server's of the same round:\n",
                 table(["server", "median", "each round"], ratios)]
    if "relay" in medians:
        _, _, _, p50, p99, _ = medians["relay"]
        remarks.insert(0, f"the relay's p99 is {p99 / p50:.1f} times its p50, with checkpoints within the runs")
    if remarks:
        text += ["\n".join(f"- {remark}" for remark in remarks) + "\n"]
    text += ["## Servers\n", table(["server", "is"], [[name, DESCRIPTIONS.get(name, "")] for name in servers])]
    text += others(figures)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "remaining.md"), encoding="utf-8") as file:
        text.append(file.read())
    text += ["## Machine\n", table(["", ""], machine()),
             "## Versions\n", table(["program", "version"], versions(environment["BENCH_PROGRAM"]))]
    with open(f"{folder}/BENCHMARKS.md", "w", encoding="utf-8") as file:
        file.write("\n".join(text))
    order = sorted(medians.items(), key=lambda item: -item[1][0])
    plot(f"{folder}/benchmarks/requests.svg", "webhooks per second, 64 connections".replace(
        "64", environment["BENCH_CONNECTIONS"]), [(name, values[0]) for name, values in order], "")
    plot(f"{folder}/benchmarks/latency.svg", "p99 latency", [(name, values[4]) for name, values in order], "ms")
    print(f"written: {folder}/BENCHMARKS.md")


main()
