"""Adds up what the test tools reported: `count.py RESULTS ROOT SECONDS FAILED_SUITES` prints suites and tests."""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def surefire(root):
    total = [0, 0, 0]
    for report in root.glob("*/target/surefire-reports/TEST-*.xml"):
        suite = ElementTree.parse(report).getroot().attrib
        failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
        total = add(total, [int(suite["tests"]) - failed - skipped, failed, skipped])
    return total


def unittest(text):
    ran = re.findall(r"^Ran (\d+) tests?", text, re.M)
    last = text.rstrip().splitlines()[-1] if text.strip() else ""
    failed = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", last))
    skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", last))
    return [sum(map(int, ran)) - failed - skipped, failed, skipped]


def tests_line(text):
    line = (re.findall(r"^ *Tests +(.*)$", re.sub(r"\x1b\[[0-9;]*m", "", text), re.M) or [""])[-1]
    return [sum(int(n) for n in re.findall(rf"(\d+) {word}", line)) for word in ("passed", "failed", "skipped")]


def summary_line(text):
    found = re.findall(r"(\d+) passed, (\d+) failed, (\d+) skipped", text)
    return list(map(int, found[-1])) if found else [0, 0, 0]


def add(a, b):
    return [x + y for x, y in zip(a, b)]


def main(results, root, seconds, failed_suites):
    read = lambda name: (results / name).read_text(errors="replace") if (results / name).exists() else ""
    total = surefire(root)
    suites = ("judges", "python-agent", "python-trainer", "environment", "killed", "hung")
    for count in (*(unittest(read(f"{suite}.log")) for suite in suites),
                  tests_line(read("ui.log")), summary_line(read("browser.log"))):
        total = add(total, count)
    print(f"{failed_suites} suites failed, {seconds} s")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4])
