"""The sandbox over HTTP: routes, signatures, parameters, answers and faults."""
