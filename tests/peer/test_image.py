"""O1: the controller runs as the image's user, where only its own directories can be written.

There is no container engine here, so what one would do is done by hand: a mount namespace in which
all is read-only, the user of deploy/Dockerfile, no capability, and no way to get one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from tests.peer.world import PATIENCE
from tests.redis_servers import free_port

ROOT = Path(__file__).parents[2]
USER = re.search(r"^USER (\d+):(\d+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
#: What a container engine does. The interpreter, its packages and the project are where that user
#: can read them, whatever directories they are in.
CONTAINER = """
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /mnt
for place in base packages project; do mkdir /mnt/$place; done
mount --bind "$BASE" /mnt/base
mount --bind "$PACKAGES" /mnt/packages
mount --bind "$PROJECT" /mnt/project
for place in base packages project; do mount -o remount,bind,ro /mnt/$place; done
mount -o remount,ro /mnt
mount -o remount,bind,ro /
mount -t tmpfs -o uid=$USER_ID,gid=$USER_ID,mode=0700 tmpfs /tmp
cd /tmp
exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --no-new-privs --bounding-set=-all \
  --inh-caps=-all env -i PATH=/usr/bin:/bin LD_LIBRARY_PATH=/mnt/base/lib PYTHONHOME=/mnt/base \
  PYTHONPATH=/mnt/project:/mnt/packages PYTHONDONTWRITEBYTECODE=1 CALLBACKD_DATA_DIR=/tmp/data \
  CALLBACKD_WEB__PORT=$WEB CALLBACKD_LISTEN__PORT=$LISTEN \
  /mnt/base/bin/python3 -m controller serve
"""


@pytest.fixture
def contained() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a controller so; give its process, and the port of its pages."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        pytest.skip("only root can make such a place, with unshare and setpriv (util-linux)")
    web, listen = free_port(), free_port()
    assert USER is not None
    assert USER[1] == USER[2]
    environment = {
        "BASE": sys.base_prefix, "PACKAGES": sysconfig.get_path("purelib"), "PROJECT": str(ROOT),
        "USER_ID": USER[1], "WEB": str(web), "LISTEN": str(listen), "PATH": os.environ["PATH"],
    }  # fmt: skip
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", CONTAINER],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    yield process, web
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_o1_the_images_user_needs_no_right_and_no_place_but_its_own(
    contained: tuple[subprocess.Popen[bytes], int],
) -> None:
    """O1: on the embedded defaults, from start to a SIGTERM that it ends by in order."""
    process, web = contained
    assert process.stderr is not None
    said: list[str] = []
    with gevent.Timeout(PATIENCE, AssertionError(said)):
        for line in process.stderr:
            said.append(line.decode())
            if line.startswith(b"{") and json.loads(line)["event"] == "redis_begun":
                break
        else:
            raise AssertionError("".join(said))
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/livez", timeout=PATIENCE) as answer:
        assert answer.status == 200
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert USER is not None
    assert re.search(rf"^Uid:\t{USER[1]}\t{USER[1]}\t", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert sorted(os.listdir(f"/proc/{process.pid}/root/tmp")) == ["data"]
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read().decode()
    assert process.wait(timeout=PATIENCE) == 0, rest
    assert '"event": "stopped"' in rest
    assert '"level": "error"' not in "".join(said) + rest
