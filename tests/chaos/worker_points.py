"""The named points at which a worker of `tests.chaos.worker` can die."""

POINTS = {
    "before-write": "a batch is about to be written",
    "before-commit": "a batch is written, its transaction not committed",
    "commit-sent": "COMMIT of a batch is on its way, its answer is not",
    "written": "a batch is committed, its records not acknowledged",
    "rebalance": "partitions are being assigned",
    "closer": "in the middle of a step of the closer",
    "closer-commit": "COMMIT of a step of the closer is on its way",
}
