"""Frames as the exchange sent them (recorded by others; see the sources in PARITY.md)."""

from __future__ import annotations

import json
from typing import Any

TRADE = json.loads(
    '{"E":1736186248745457,"T":1736186248744398,"a":"113782701997686784",'
    '"b":"113782700596854784","e":"trade","m":true,"p":"218.50","q":"0.07","s":"SOL_USDC",'
    '"t":341399899}'
)
BOOK_TICKER = json.loads(
    '{"A":"22.39","B":"288.77","E":1788367430247487,"T":1788367430246081,"a":"98.97","b":"98.96",'
    '"e":"bookTicker","s":"SOL_USDC","u":4330360995}'
)
DEPTH = json.loads(
    '{"E":1788367430247487,"T":1788367430246081,"U":4330360995,"a":[["98.97","22.39"]],"b":[],'
    '"e":"depth","s":"SOL_USDC","u":4330360995}'
)
KLINE = json.loads(
    '{"E":1788367500510451,"e":"kline","s":"SOL_USDC","T":"2026-09-02T16:45:00","X":true,'
    '"c":"98.98","h":"98.98","l":"98.98","n":1,"o":"98.98","t":"2026-09-02T16:44:00","v":"5.14"}'
)
TICKER = json.loads(
    '{"E":1788367430549233,"V":"1498114.9234","c":"98.98","e":"ticker","h":"101.19","l":"97.38",'
    '"n":6796,"o":"100.87","s":"SOL_USDC","v":"15089.56"}'
)
MARK = json.loads(
    '{"E":1788367430000120,"T":1788367430000000,"e":"markPrice","f":"0.0000125","i":"98.94998504",'
    '"n":1788368400000,"p":"98.94","s":"SOL_USDC_PERP"}'
)
ACCEPTED = json.loads(
    '{"E":1788368290063153,"O":"USER","Q":"20.1520","S":"Ask","T":1788368290062979,'
    '"V":"RejectTaker","X":"New","Z":"0","e":"orderAccepted","f":"GTC","i":"59887375336",'
    '"o":"LIMIT","p":"1.0076","q":"20","r":false,"s":"USDT_USDC","t":null,"y":true,"z":"0"}'
)
FILL = json.loads(
    '{"E":1754943862040486,"L":"4299.16","N":"ETH","O":"USER","Q":"4.30","S":"Bid",'
    '"T":1754943862040484,"V":"RejectTaker","X":"Filled","Z":"4.299160","e":"orderFill","f":"GTC",'
    '"i":"5406825793","l":"0.0010","m":false,"n":"0.000001","o":"MARKET","q":"0.0010","r":false,'
    '"s":"ETH_USDC","t":2888471,"z":"0.0010"}'
)
TRIGGER = json.loads(
    '{"E":1748288167010366,"O":"USER","P":"178.05","Q":"0","S":"Ask","V":"RejectTaker",'
    '"X":"TriggerPending","Y":"80%","Z":"0","e":"triggerPlaced","f":"GTC",'
    '"i":"114575813313101824","o":"LIMIT","p":"178.15","q":"0","r":false,"s":"SOL_USDC","t":null,'
    '"z":"0"}'
)
POSITION = json.loads(
    '{"B":"4236.36","E":1754943862040486,"M":"4235.88650933","P":"-0.000473","Q":"0.0010",'
    '"T":1754943862040487,"b":"4238.479","e":"positionOpened","f":"0.02","i":5411399049,"l":"0",'
    '"m":"0.0125","n":"4.23588650933","p":"0","q":"0.0010","s":"ETH_USDC_PERP"}'
)
BALANCE = json.loads(
    '{"A":"10","E":1788368290063168,"L":"20","S":"0","T":1788368290062981,"a":"USDT",'
    '"e":"balanceUpdate"}'
)
SAMPLES: dict[str, dict[str, Any]] = {
    "trade.SOL_USDC": TRADE,
    "bookTicker.SOL_USDC": BOOK_TICKER,
    "depth.SOL_USDC": DEPTH,
    "kline.1m.SOL_USDC": KLINE,
    "ticker.SOL_USDC": TICKER,
    "markPrice.SOL_USDC_PERP": MARK,
    "account.orderUpdate": ACCEPTED,
    "account.orderUpdate.ETH_USDC": FILL,
    "account.orderUpdate.SOL_USDC": TRIGGER,
    "account.positionUpdate": POSITION,
    "account.balanceUpdate": BALANCE,
}


def trade(number: int, **more: Any) -> dict[str, Any]:
    """The sample with another id, as many microseconds later."""
    return {**TRADE, "t": number, "T": TRADE["T"] + number, "E": TRADE["E"] + number, **more}
