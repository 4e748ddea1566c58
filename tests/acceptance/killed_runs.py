"""Kill runs at random moments, run again, and compare with runs that nobody disturbed.

``python tests/acceptance/killed_runs.py [--kills 20] [--seed 1]`` does it by hand and, with a
Prefect server of its own, as flow runs; ``--only hand`` or ``--only flows`` does one of them. By
hand it takes ten minutes, as flow runs longer, since a killed run keeps its slot on the server for
a minute or two. Exit 1 where a publication differs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conftest import Place, make_place
from tests.published import published_rows
from tests.scheduling.machine import serving

COMMAND = str(Path(sys.executable).with_name("afterhype"))


def main() -> None:
    """Both ways, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many runs are killed each way")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--only", choices=("hand", "flows"), help="one of the two ways")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    problems = 0
    if options.only != "flows":
        problems += _kill_runs("by hand", {}, options.kills, chance)
    if options.only != "hand":
        with tempfile.TemporaryDirectory() as folder:
            database = f"sqlite+aiosqlite:///{folder}/prefect.db"
            with serving(Path(folder), database) as server:
                problems += _kill_runs("as flow runs", server.environment, options.kills, chance)
    sys.exit(1 if problems else 0)


def _kill_runs(way: str, environment: dict[str, str], kills: int, chance: random.Random) -> int:
    """Each day brings an export; its run is killed in one home and undisturbed in the other."""
    problems = killed = 0
    with tempfile.TemporaryDirectory() as folder:
        calm = make_place(_made(Path(folder) / "calm"))
        troubled = Place(Path(folder) / "troubled")
        shutil.copytree(calm.folder, troubled.folder)
        for place in (calm, troubled):
            place.home.mkdir()
            (place.home / "user_key.secret").write_text("the same for both")
            (place.home / "user_key.secret").chmod(0o600)
        for day in range(kills):
            rows = [f"d{day}u{n},2026-01-{1 + n:02}T0{n}:00:00Z,open,d{day}e{n}" for n in range(9)]
            for place in (calm, troubled):
                place.export(f"day-{day:02}.csv", *rows)
            began = time.monotonic()
            _run(calm, environment).wait()
            length = time.monotonic() - began
            run = _run(troubled, environment)
            moment = chance.uniform(0.0, length)
            time.sleep(moment)
            if run.poll() is None:
                killed += 1
                os.kill(run.pid, signal.SIGKILL)
            run.wait()
            again = _run(troubled, environment)
            same = again.wait() == 0 and published_rows(calm.home) == published_rows(troubled.home)
            problems += not same
            found = "the same" if same else "ANOTHER PUBLICATION"
            print(f"{way}: killed after {moment:.1f} of {length:.1f} s: {found}", flush=True)
    print(f"{way}: {killed} of {kills} were still at work, {problems} problems", flush=True)
    return problems


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _run(place: Place, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "AFTERHYPE_"))}
    return subprocess.Popen(
        [COMMAND, "run", "--home", str(place.home), "--sources", str(place.sources)],
        env=ours | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
