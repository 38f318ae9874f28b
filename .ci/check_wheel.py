"""Check an installed wheel: python check_wheel.py without-extras | with-extras."""

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import bpkit
from bpkit import LIVE_URL, BpkitError, Client

home = Path(bpkit.__file__).parent
assert "site-packages" in home.parts, home
for name in ("py.typed", "sandbox/PARITY.md", "sandbox/simulation/markets.json"):
    assert (home / name).is_file(), name
assert not (home.parent / "tests").exists() and not (home.parent / "exercises").exists()
assert metadata("bpkit")["Version"] == bpkit.__version__

bpkit_command = str(Path(sys.executable).with_name("bpkit"))
shown = subprocess.run([bpkit_command, "--version"], capture_output=True, text=True, check=True)
assert shown.stdout == f"bpkit {bpkit.__version__}\n", shown
assert Client(LIVE_URL).url == LIVE_URL and len(bpkit.operations().df) > 80
tour = subprocess.run([bpkit_command, "tour"], capture_output=True, text=True)

if sys.argv[1] == "without-extras":
    try:
        from bpkit.sandbox import Sandbox
    except ImportError as error:
        assert isinstance(error, BpkitError)
        assert str(error).endswith('not installed: pip install "bpkit[sandbox]"'), error
    else:
        raise AssertionError("tornado is installed")
    try:
        with Client(LIVE_URL).stream("liquidation"):
            raise AssertionError("websockets is installed")
    except ImportError as error:
        assert str(error).endswith('not installed: pip install "bpkit[streams]"'), error
    assert (tour.returncode, tour.stdout, tour.stderr.count("\n")) == (1, "", 1), tour
else:
    from bpkit.sandbox import Sandbox

    with Sandbox() as sandbox, Client(sandbox.url, sandbox.key) as bp:
        with bp.stream("account.orderUpdate", seconds=10) as events:
            bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
            assert events.wait(status="Filled").order_id == bp.get_fills()[0]["orderId"]
        assert len(bp.get_fills().df) == 1
    assert tour.returncode == 0, tour
print("ok:", *sys.argv[1:])
