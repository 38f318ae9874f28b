"""Live events from the exchange's WebSocket: ``bp.stream`` and ``bp.order_book``.

``names`` knows the streams and what the letters of their events mean, ``connection`` has the socket
and its thread, ``events`` is what ``bp.stream`` gives, ``missed`` asks REST for what was missed.

Source: Backpack Exchange API, "Streams".
"""
