"""Turns off the guards of guards.toml, one after the other, in a copy of the sources; called by scripts/mutate."""
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / "build/mutate"
SOURCE = HOME / "source"
BUILD = HOME / "build"
JOBS = os.environ.get("JOBS", str(os.cpu_count()))
SECONDS_MAX = 300


@dataclasses.dataclass
class Guard:
    name: str
    file: str
    text: str
    without: str
    test: str
    filter: str


def load(names):
    path = ROOT / "tests/mutants/guards.toml"
    guards = [Guard(**each) for each in tomllib.loads(path.read_text(encoding="utf-8"))["guard"]]
    for guard in guards:
        count = (ROOT / guard.file).read_text(encoding="utf-8").count(guard.text)
        if count != 1:
            sys.exit(f"mutate: {guard.name}: its text is {count} times in {guard.file}, not once")
    chosen = [guard for guard in guards if not names or any(name in guard.name for name in names)]
    return chosen or sys.exit("mutate: no guard is named so")


def copy_sources():
    """Files that are as before keep their time, so that they are not built again."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout
    wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in wanted:
        put(SOURCE / name, (ROOT / name).read_bytes())
        shutil.copymode(ROOT / name, SOURCE / name)
    for path in SOURCE.rglob("*"):
        if path.is_file() and str(path.relative_to(SOURCE)) not in wanted:
            path.unlink()


def put(path, content):
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)


def build(targets):
    return run("cmake", "--build", BUILD, "-j", JOBS, "--target", *targets)


def outcome_of(guard):
    """Of its test: "passed", "failed", or why it says nothing."""
    try:
        done = run(BUILD / "bin" / guard.test, f"--gtest_filter={guard.filter}", "--gtest_fail_fast", cwd=BUILD,
                   timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return "failed"  # it waits for what does not come any more
    if done.returncode != 0:
        return "failed"
    ran = re.search(r"\[  PASSED  \] (\d+) test", done.stdout)
    return "passed" if ran and int(ran[1]) > 0 else "ran no test"


def verdict_on(guard):
    path = SOURCE / guard.file
    whole = path.read_bytes()
    path.write_bytes(whole.replace(guard.text.encode(), guard.without.encode()))
    try:
        if build([guard.test]).returncode != 0:
            return "did not build"
        return {"failed": "killed", "passed": "survived"}.get(outcome_of(guard), "survived")
    finally:
        path.write_bytes(whole)


def main():
    arguments = sys.argv[1:]
    guards = load([each for each in arguments if each != "--list"])
    if "--list" in arguments:
        for guard in guards:
            print(f"{guard.name:58} {guard.file:36} {guard.test} {guard.filter}")
        return 0

    copy_sources()
    targets = sorted({guard.test for guard in guards})
    for step in (run("cmake", "--preset", "dev", "-B", BUILD, cwd=SOURCE), build(targets)):
        if step.returncode != 0:
            sys.exit(step.stdout)
    for guard in guards:
        if (outcome := outcome_of(guard)) != "passed":
            sys.exit(f"mutate: {guard.name}: its test {guard.filter} {outcome} with the guard in place")

    verdicts = []
    with open(HOME / "report", "w", encoding="utf-8") as report:
        def tell(line):
            print(line, flush=True)
            print(line, file=report, flush=True)

        for guard in guards:
            verdicts.append(verdict_on(guard))
            tell(f"{verdicts[-1]:14} {guard.name}")
        tell(f"== {len(guards)} guards: " + ", ".join(
            f"{verdicts.count(each)} {each}" for each in ("killed", "survived", "did not build")))
    return 0 if verdicts.count("killed") == len(guards) else 1


if __name__ == "__main__":
    sys.exit(main())
