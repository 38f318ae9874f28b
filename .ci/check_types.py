"""What mypy says of a user's program. With --strict, an ignore that is not needed is an error."""

from datetime import UTC, datetime
from decimal import Decimal

from bpkit import LIVE_URL, Arming, BatchTransportError, Client, Key, TransportError
from bpkit.reconcile import Outcome
from bpkit.sandbox import Sandbox

bp = Client(LIVE_URL, Key.from_env(), armed=Arming(orders=True, per_order="20", per_session="60"))
sandbox: Sandbox = Sandbox()

bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity=Decimal("1"))
bp.get_klines("SOL_USDC", "1h", start_time=datetime(2026, 9, 1, tzinfo=UTC))
columns = list(bp.get_fills().df.columns)
identity: str = bp.get_order("SOL_USDC", order_id="1")["id"]

bp.execute_order("SOL_USDC", "buy", "Limit", price="1", quantity="1")  # type: ignore[arg-type]
bp.execute_order("SOL_USDC", "Bid", "Limit", price=1.5, quantity="1")  # type: ignore[arg-type]
bp.get_klines("SOL_USDC", "2m", start_time=0)  # type: ignore[arg-type]
bp.get_filles()  # type: ignore[attr-defined]

try:
    bp.execute_order_batch([])
except BatchTransportError as error:
    states = [outcome.state for outcome in bp.reconcile(error)]
    found: list[Outcome] = bp.reconcile(error)

try:
    bp.cancel_order("SOL_USDC", order_id="1")
except TransportError as lost:
    print(bp.reconcile(lost).state)
