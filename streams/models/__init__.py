"""Fine-tuning, evaluation, calibration and export of the two served models.

Never imported by the worker. Modules that need torch import it inside functions (extra `train`).
"""

TRAIN_EXTRA = "install the `train` extra (environment .local/envs/train)"
