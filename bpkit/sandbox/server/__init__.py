"""The sandbox over HTTP: routes, signatures, parameters, endpoints, answers and faults."""
